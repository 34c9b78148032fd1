// SPDX-License-Identifier: Apache-2.0
#include "fake_upstream.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <sstream>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <gateway/http/url.hpp>

#include "fake_apis.hpp"

namespace test {
namespace {

namespace net = gateway::net;
namespace http = gateway::http;
using namespace net::experimental::awaitable_operators;
using gateway::error_code;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::tcp;
using Kind = Behaviour::Kind;

constexpr std::chrono::seconds patience{30};
const std::string bad_request = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const std::string stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& data) {
    std::ostringstream size;
    size << std::hex << data.size();
    return size.str() + "\r\n" + data + "\r\n";
}

net::ssl::context server_context(const Identity& identity) {
    net::ssl::context context{net::ssl::context::tls_server};
    context.use_certificate_chain(net::buffer(identity.certificate));
    context.use_private_key(net::buffer(identity.key), net::ssl::context::pem);
    return context;
}

std::string serialized(const HttpResponse& response) {
    std::string text;
    http::response_serializer<http::string_body> serializer{response};
    error_code error;
    while (!serializer.is_done()) {
        serializer.next(error, [&](error_code&, const auto& buffers) {
            for (const auto& buffer : gateway::beast::buffers_range_ref(buffers)) {
                text.append(static_cast<const char*>(buffer.data()), buffer.size());
            }
            serializer.consume(gateway::beast::buffer_bytes(buffers));
        });
    }
    return text;
}

void reset(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(tcp::socket::linger{true, 0}, ignored);
    socket.close(ignored);
}

/// Until the client has closed the connection.
net::awaitable<void> outlast(tcp::socket& socket) {
    error_code error;
    std::array<char, 1024> ignored{};
    while (!error) {
        co_await socket.async_read_some(net::buffer(ignored), net::redirect_error(net::use_awaitable, error));
    }
}

template <typename Stream>
net::awaitable<bool> write(Stream& stream, std::string text) {
    error_code error;
    co_await net::async_write(stream, net::buffer(text), net::redirect_error(net::use_awaitable, error));
    co_return !error;
}

HttpResponse response_to(const HttpRequest& request, const Behaviour& behaviour, unsigned serial) {
    HttpResponse response;
    switch (behaviour.kind) {
        case Kind::status:
            response = api_error(gateway::view(request.target()), behaviour.status_code, "As the script says");
            break;
        case Kind::invalid_json:
        case Kind::huge: {
            response.set(http::field::content_type, "application/json");
            response.body() = behaviour.kind == Kind::huge ? std::string(behaviour.size, ' ') : R"({"candidates": [)";
            break;
        }
        default:
            response = answer(request, serial);
            break;
    }
    response.keep_alive(request.keep_alive());
    for (const auto& [name, value] : behaviour.headers) {
        response.set(name, value);
    }
    if (behaviour.kind == Kind::chunked) {
        response.content_length(boost::none);
        response.chunked(true);
    } else if (behaviour.kind == Kind::until_close) {
        response.content_length(boost::none);
        response.keep_alive(false);
    } else {
        response.prepare_payload();
    }
    return response;
}

}  // namespace

/// Counts a connection for as long as it is open.
class FakeUpstream::OpenConnection {
  public:
    explicit OpenConnection(FakeUpstream& upstream) : upstream_{upstream} { add(1); }
    OpenConnection(const OpenConnection&) = delete;
    OpenConnection& operator=(const OpenConnection&) = delete;
    ~OpenConnection() { add(-1); }

  private:
    void add(int change) {
        const std::lock_guard lock{upstream_.mutex_};
        upstream_.open_ += static_cast<std::size_t>(change);
        upstream_.accepted_ += change > 0 ? 1 : 0;
        upstream_.changed_.notify_all();
    }

    FakeUpstream& upstream_;
};

std::string SeenRequest::header(std::string_view name) const {
    const auto found = std::ranges::find_if(headers, [name](const auto& header) {
        return gateway::beast::iequals({header.first.data(), header.first.size()}, {name.data(), name.size()});
    });
    return found == headers.end() ? std::string{} : found->second;
}

FakeUpstream::FakeUpstream(FakeUpstreamOptions options)
    : options_{std::move(options)},
      acceptor_{context_, tcp::endpoint{net::ip::make_address(options_.address), options_.port}},
      gate_{context_, gateway::Clock::time_point::max()},
      origin_{options_.tls.has_value(), options_.address, acceptor_.local_endpoint().port()} {
    if (options_.tls) {
        tls_.emplace(server_context(*options_.tls));
    }
    net::co_spawn(context_, accept(), net::detached);
    thread_ = std::thread{[this] { context_.run(); }};
}

FakeUpstream::~FakeUpstream() {
    context_.stop();
    thread_.join();
}

gateway::Origin FakeUpstream::origin() const { return origin_; }

std::string FakeUpstream::url() const { return to_string(origin_); }

void FakeUpstream::script(std::vector<Behaviour> behaviours) {
    const std::lock_guard lock{mutex_};
    script_.insert(script_.end(), behaviours.begin(), behaviours.end());
}

void FakeUpstream::script_tokens(std::vector<Behaviour> behaviours) {
    const std::lock_guard lock{mutex_};
    token_script_.insert(token_script_.end(), behaviours.begin(), behaviours.end());
}

void FakeUpstream::repeat(std::vector<Behaviour> behaviours) {
    const std::lock_guard lock{mutex_};
    cycle_ = std::move(behaviours);
    next_in_cycle_ = 0;
}

void FakeUpstream::release() {
    net::post(context_, [this] {
        ++releases_;
        gate_.cancel();
    });
}

std::vector<SeenRequest> FakeUpstream::requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
}

std::size_t FakeUpstream::accepted() const {
    const std::lock_guard lock{mutex_};
    return accepted_;
}

std::size_t FakeUpstream::open() const {
    const std::lock_guard lock{mutex_};
    return open_;
}

bool FakeUpstream::await(const std::function<bool()>& condition) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, condition);
}

bool FakeUpstream::await_requests(std::size_t count) const {
    return await([this, count] { return requests_.size() >= count; });
}

bool FakeUpstream::await_accepted(std::size_t count) const {
    return await([this, count] { return accepted_ >= count; });
}

bool FakeUpstream::await_open(std::size_t count) const {
    return await([this, count] { return open_ == count; });
}

net::awaitable<void> FakeUpstream::accept() {
    for (;;) {
        tcp::socket socket = co_await acceptor_.async_accept(net::use_awaitable);
        net::co_spawn(context_, serve(std::move(socket)), net::detached);
    }
}

net::awaitable<void> FakeUpstream::serve(tcp::socket socket) {
    const OpenConnection counted{*this};
    tcp::socket mine = std::move(socket);  // closed before it is no longer counted
    error_code error;
    mine.set_option(tcp::no_delay{true}, error);
    if (options_.mute) {
        co_await outlast(mine);
    } else if (tls_) {
        net::ssl::stream<tcp::socket&> stream{mine, *tls_};
        co_await stream.async_handshake(net::ssl::stream_base::server, net::redirect_error(net::use_awaitable, error));
        if (!error) {
            co_await serve_requests(stream, mine);
        }
    } else {
        co_await serve_requests(mine, mine);
    }
}

template <typename Stream>
net::awaitable<void> FakeUpstream::serve_requests(Stream& stream, tcp::socket& socket) {
    gateway::beast::flat_buffer buffer;
    for (bool more = true; more;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(boost::none);
        error_code error;
        co_await http::async_read(stream, buffer, parser, net::redirect_error(net::use_awaitable, error));
        if (error) {
            // To what is no request, as a TLS handshake, HTTP servers say so.
            if (parser.got_some() && error != http::error::partial_message) {
                std::string text = bad_request;
                auto writing = write(stream, std::move(text));
                (void)co_await std::move(writing);
            }
            break;
        }
        const HttpRequest request = parser.release();
        const Order order = record(request);
        more = co_await carry_out(stream, socket, request, order);
    }
}

net::awaitable<void> FakeUpstream::wait_at_gate() {
    error_code released;
    co_await gate_.async_wait(net::redirect_error(net::use_awaitable, released));
}

/// Whether the connection can be used further.
template <typename Stream>
net::awaitable<bool> FakeUpstream::write_parts(Stream& stream, tcp::socket& socket, const Behaviour& behaviour) {
    std::size_t releases = releases_;
    std::string text = stream_head;
    for (std::size_t i = 0; i < behaviour.parts.size(); ++i) {
        releases += i == 0 ? 0 : 1;
        while (releases_ < releases) {
            auto either = wait_at_gate() || outlast(socket);
            const auto first = co_await std::move(either);
            if (first.index() == 1) {
                co_return false;  // the client has left
            }
        }
        text += chunk(behaviour.parts[i]);
        auto writing = write(stream, text);
        const bool written = co_await std::move(writing);
        if (!written) {
            co_return false;
        }
        text.clear();
    }
    if (!behaviour.breaks_off) {
        text += "0\r\n\r\n";
    }
    auto writing = write(stream, text);
    const bool written = co_await std::move(writing);
    co_return written && !behaviour.breaks_off;
}

template <typename Stream>
net::awaitable<bool> FakeUpstream::write_endlessly(Stream& stream) {
    // A part of an answer in both dialects.
    const std::string words(8'000, 'x');
    const std::string event =
        chunk(R"(data: {"choices":[{"index":0,"delta":{"content":")" + words +
              R"("}}],"candidates":[{"index":0,"content":{"parts":[{"text":")" + words + "\"}]}}]}\n\n");
    std::string text = stream_head;
    for (bool written = true; written; text = event) {
        auto writing = write(stream, text);
        written = co_await std::move(writing);
        endless_bytes_ += text.size();
    }
    co_return false;
}

/// Whether the connection can be used further.
template <typename Stream>
net::awaitable<bool> FakeUpstream::carry_out(Stream& stream, tcp::socket& socket, const HttpRequest& request,
                                             const Order& order) {
    const Kind kind = order.behaviour.kind;
    if (order.behaviour.delay.count() > 0) {
        net::steady_timer timer{context_, order.behaviour.delay};
        co_await timer.async_wait(net::use_awaitable);
    }
    if (kind == Kind::hold) {
        co_await wait_at_gate();
    }
    if (kind == Kind::parts) {
        auto writing = write_parts(stream, socket, order.behaviour);
        co_return co_await std::move(writing);
    }
    if (kind == Kind::endless) {
        auto writing = write_endlessly(stream);
        co_return co_await std::move(writing);
    }
    const HttpResponse response = response_to(request, order.behaviour, order.serial);
    std::string text = serialized(response);
    if (request.method() == http::verb::head) {
        text.resize(text.size() - response.body().size());
    }
    switch (kind) {
        case Kind::reset:
            reset(socket);
            co_return false;
        case Kind::close:
            co_return false;
        case Kind::hang:
            co_await outlast(socket);
            co_return false;
        case Kind::garbage:
            text = "SSH-2.0-FakeUpstream\r\n\r\n";
            break;
        case Kind::half:
        case Kind::stall:
        case Kind::half_reset:
            text.resize(text.size() - response.body().size() / 2);
            break;
        case Kind::interim:
            text.insert(0, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
            break;
        default:
            break;
    }
    const bool written = co_await write(stream, std::move(text));
    if (kind == Kind::half_reset) {
        reset(socket);
    } else if (kind == Kind::stall) {
        co_await outlast(socket);
    }
    const bool closes = kind == Kind::garbage || kind == Kind::half || kind == Kind::stall ||
                        kind == Kind::half_reset || kind == Kind::answer_close || !response.keep_alive();
    co_return written && !closes;
}

FakeUpstream::Order FakeUpstream::record(const HttpRequest& request) {
    SeenRequest seen;
    seen.method = gateway::view(request.method_string());
    seen.target = gateway::view(request.target());
    for (const auto& field : request) {
        seen.headers.emplace_back(gateway::view(field.name_string()), gateway::view(field.value()));
    }
    seen.body = request.body();
    const bool for_token = gives_token(seen.target);

    const std::lock_guard lock{mutex_};
    requests_.push_back(std::move(seen));
    changed_.notify_all();
    Order order;
    order.serial = static_cast<unsigned>(requests_.size());
    std::deque<Behaviour>& script = for_token ? token_script_ : script_;
    if (!script.empty()) {
        order.behaviour = std::move(script.front());
        script.pop_front();
    } else if (!for_token && !cycle_.empty()) {
        order.behaviour = cycle_[next_in_cycle_++ % cycle_.size()];
    }
    return order;
}

}  // namespace test
