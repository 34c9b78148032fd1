// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/http_client.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/alarms.hpp>
#include <gateway/base/run_stoppable.hpp>
#include <gateway/http/url.hpp>
#include <gateway/upstream/connection.hpp>
#include <gateway/upstream/connection_pool.hpp>
#include <gateway/upstream/time_limit.hpp>
#include <gateway/upstream/tls_context.hpp>

namespace gateway {
namespace {

using Stage = TransportError::Stage;

void require(bool valid, const char* option) {
    if (!valid) {
        throw std::invalid_argument{std::string{"HttpClientOptions::"} + option + " must be greater than 0"};
    }
}

HttpClientOptions checked(HttpClientOptions options) {
    require(options.max_connections > 0, "max_connections");
    require(options.connect_timeout.count() > 0, "connect_timeout");
    require(options.header_limit > 0, "header_limit");
    require(options.body_limit > 0, "body_limit");
    return options;
}

struct Counters {
    std::atomic<std::uint64_t> opened{0};
    std::atomic<std::uint64_t> reused{0};
    std::atomic<std::uint64_t> timeouts{0};
    std::atomic<std::uint64_t> failed_connecting{0};
    std::atomic<std::uint64_t> failed_waiting{0};
    std::atomic<std::uint64_t> failed_receiving{0};

    void count(const TransportError& error) {
        timeouts += error.timed_out() ? 1 : 0;
        switch (error.stage()) {
            case Stage::connecting:
                ++failed_connecting;
                break;
            case Stage::waiting:
                ++failed_waiting;
                break;
            case Stage::receiving:
                ++failed_receiving;
                break;
        }
    }
};

}  // namespace

/// Shared by the client and its sends, so that either may be the last.
struct HttpClient::State {
    State(net::any_io_executor client_executor, HttpClientOptions client_options)
        : executor{std::move(client_executor)},
          options{checked(std::move(client_options))},
          tls{client_tls_context(options.ca_file)},
          pool{executor, PoolLimits{options.max_connections, options.max_idle, options.idle_timeout}},
          alarms{executor} {}

    const net::any_io_executor executor;
    const HttpClientOptions options;
    net::ssl::context tls;
    ConnectionPool pool;
    Alarms alarms;
    Counters counters;
};

/// One send, from its beginning to its end, on one strand.
class HttpClient::Attempt : public std::enable_shared_from_this<Attempt> {
  public:
    Attempt(std::shared_ptr<State> state, const Origin& origin, UpstreamRequest request, Clock::time_point deadline)
        : state_{std::move(state)}, pool_{state_->pool.at(origin)}, request_{std::move(request)}, deadline_{deadline} {
        if (origin.tls) {
            strand_.emplace(net::make_strand(state_->executor));
        }
    }

    /// The response.
    net::awaitable<HttpResponse> send() { return on_strand(shared_from_this(), &Attempt::send_on_strand); }
    /// Its head.
    net::awaitable<HttpResponse> begin() { return on_strand(shared_from_this(), &Attempt::begin_on_strand); }
    /// What is next of its body, by deadline.
    net::awaitable<std::optional<std::string>> read(Clock::time_point deadline) {
        deadline_ = deadline;
        return on_strand(shared_from_this(), &Attempt::read_on_strand);
    }

  private:
    template <typename T>
    using Step = net::awaitable<T> (Attempt::*)();

    template <typename T>
    static net::awaitable<T> on_strand(std::shared_ptr<Attempt> attempt, Step<T> step) {
        if (!attempt->strand_) {
            // Each of its steps is one operation of the socket, and so misses no cancellation.
            return run(std::move(attempt), step);
        }
        net::any_io_executor strand = *attempt->strand_;
        auto stop = [weak = std::weak_ptr{attempt}] {
            if (const std::shared_ptr<Attempt> still = weak.lock()) {
                still->stop();
            }
        };
        return run_stoppable(std::move(strand), run(std::move(attempt), step), std::move(stop));
    }

    /// Who gives the attempt up while a step is under way leaves it to that: it ends with it, and gives back what it
    /// holds.
    template <typename T>
    static net::awaitable<T> run(std::shared_ptr<Attempt> attempt, Step<T> step) {
        const std::shared_ptr<Attempt> held = std::move(attempt);
        try {
            co_return co_await (*held.*step)();
        } catch (const TransportError& error) {
            held->state_->counters.count(error);
            throw;
        }
    }

    /// Makes what is under way on the connection fail.
    void stop() {
        if (connection_) {
            connection_->close();
        }
    }

    net::awaitable<HttpResponse> send_on_strand() {
        if (!take_connection()) {
            co_await obtain_connection();
        }
        auto exchange =
            by_deadline(connection_->exchange(request_, limits()), "its response did not arrive in full in time");
        co_await std::move(exchange);
        HttpResponse response = connection_->take_response();
        release();
        co_return response;
    }

    net::awaitable<HttpResponse> begin_on_strand() {
        if (!take_connection()) {
            co_await obtain_connection();
        }
        auto begin =
            by_deadline(connection_->begin(request_, limits()), "the head of its response did not arrive in time");
        co_await std::move(begin);
        co_return HttpResponse{connection_->response().base()};
    }

    net::awaitable<std::optional<std::string>> read_on_strand() {
        if (connection_ == nullptr) {
            co_return std::nullopt;
        }
        std::string bytes;
        auto reading = by_deadline(connection_->read_some(bytes), "its response did not go on in time");
        co_await std::move(reading);
        if (connection_->complete()) {
            release();
        }
        co_return bytes.empty() ? std::nullopt : std::optional{std::move(bytes)};
    }

    /// Takes an idle connection, if that takes no waiting: whether it did.
    bool take_connection() {
        prepare();
        permit_ = pool_.permits().try_acquire();
        return permit_ && take_idle();
    }

    bool take_idle() {
        connection_ = pool_.take();
        state_->counters.reused += connection_ != nullptr ? 1 : 0;
        return connection_ != nullptr;
    }

    net::awaitable<void> obtain_connection() {
        if (!permit_) {
            co_await acquire_permit();
            if (take_idle()) {
                co_return;
            }
        }
        co_await connect();
        ++state_->counters.opened;
    }

    void release() {
        if (connection_->reusable()) {
            pool_.put(std::move(connection_));  // before the permit goes
        }
        connection_.reset();
        permit_.release();
    }

    [[nodiscard]] ResponseLimits limits() const { return {state_->options.header_limit, state_->options.body_limit}; }

    void prepare() {
        request_.version(11);
        request_.set(http::field::host, authority(pool_.origin()));
        request_.erase(http::field::connection);
        if (state_->options.user_agent.empty()) {
            request_.erase(http::field::user_agent);
        } else {
            request_.set(http::field::user_agent, state_->options.user_agent);
        }
        request_.prepare_payload();
    }

    net::awaitable<void> acquire_permit() {
        auto wait = run_until(deadline_, wait_for_permit(), [] {});
        const bool in_time = co_await std::move(wait);
        if (!in_time) {
            fail_late(Stage::connecting, "none of the " + std::to_string(state_->options.max_connections) +
                                             " connections that it may have became free in time");
        }
    }

    net::awaitable<void> wait_for_permit() { permit_ = co_await pool_.permits().async_acquire(net::use_awaitable); }

    net::awaitable<void> connect() {
        connection_ = std::make_unique<Connection>(state_->executor, pool_.origin(), state_->tls);
        const Clock::time_point limit = std::min(deadline_, Clock::now() + state_->options.connect_timeout);
        auto open = run_until(limit, connection_->open(), [this] { connection_->close(); });
        const bool in_time = co_await std::move(open);
        if (!in_time) {
            fail_late(Stage::connecting, "it could not be connected to in time");
        }
    }

    /// Each exchange comes here, so it does not take run_until(), which starts two coroutines: all that an exchange
    /// waits for is its socket, and so an alarm that closes that will do.
    net::awaitable<void> by_deadline(net::awaitable<void> exchange, const char* late) {
        const Alarms::Alarm alarm{state_->alarms, co_await net::this_coro::executor, deadline_,
                                  [connection = connection_.get()] { connection->close(); }};
        std::exception_ptr failure;
        try {
            co_await std::move(exchange);
        } catch (...) {
            failure = std::current_exception();
        }
        const net::cancellation_state state = co_await net::this_coro::cancellation_state;
        if (state.cancelled() != net::cancellation_type::none) {
            connection_->close();
            throw boost::system::system_error{net::error::operation_aborted};
        }
        if (failure && !alarm.rang()) {
            std::rethrow_exception(failure);
        }
        if (failure) {
            const Stage stage = connection_->stage();
            fail_late(stage, stage == Stage::waiting ? "it did not respond in time" : late);
        }
    }

    [[noreturn]] void fail_late(Stage stage, const std::string& what) const {
        throw TransportError{stage, true, what, to_string(pool_.origin())};
    }

    const std::shared_ptr<State> state_;
    OriginPool& pool_;
    std::optional<net::strand<net::any_io_executor>> strand_;  // with TLS
    UpstreamRequest request_;
    Clock::time_point deadline_;
    dispatch::Permit permit_;
    std::unique_ptr<Connection> connection_;  // closed before the permit goes
};

/// What is left of an attempt whose response has begun.
class HttpClient::Reader final : public ResponseReader {
  public:
    Reader(std::shared_ptr<Attempt> attempt, HttpResponse head)
        : attempt_{std::move(attempt)}, head_{std::move(head)} {}

    [[nodiscard]] const HttpResponse& head() const override { return head_; }
    net::awaitable<std::optional<std::string>> read(Clock::time_point deadline) override {
        return attempt_->read(deadline);
    }

  private:
    std::shared_ptr<Attempt> attempt_;
    HttpResponse head_;
};

HttpClient::HttpClient(const net::any_io_executor& executor, HttpClientOptions options)
    : state_{std::make_shared<State>(executor, std::move(options))} {}

HttpClient::~HttpClient() { close(); }

net::awaitable<HttpResponse> HttpClient::send(const Origin& origin, UpstreamRequest request,
                                              Clock::time_point deadline) {
    return std::make_shared<Attempt>(state_, origin, std::move(request), deadline)->send();
}

net::awaitable<std::unique_ptr<ResponseReader>> HttpClient::open(const Origin& origin, UpstreamRequest request,
                                                                 Clock::time_point deadline) {
    return begin(std::make_shared<Attempt>(state_, origin, std::move(request), deadline));
}

net::awaitable<std::unique_ptr<ResponseReader>> HttpClient::begin(std::shared_ptr<Attempt> attempt) {
    HttpResponse head = co_await attempt->begin();
    co_return std::make_unique<Reader>(std::move(attempt), std::move(head));
}

void HttpClient::close() { state_->pool.close(); }

HttpClientMetrics HttpClient::metrics() const {
    const Counters& counters = state_->counters;
    return HttpClientMetrics{
        counters.opened,         counters.reused,           counters.timeouts,  counters.failed_connecting,
        counters.failed_waiting, counters.failed_receiving, state_->pool.idle()};
}

}  // namespace gateway
