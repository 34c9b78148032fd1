// SPDX-License-Identifier: Apache-2.0
//
// What the tests of a pool as a whole share: a gate for handlers, a record of a completion, an executor
// that knows when it runs something, and a fixture that looks at the books when the test is over.
#ifndef DISPATCH_TESTS_SUPPORT_POOL_FIXTURE_HPP
#define DISPATCH_TESTS_SUPPORT_POOL_FIXTURE_HPP

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <typeinfo>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "asio.hpp"

namespace test {

using dispatch::detail::net_error;

#if defined(DISPATCH_USE_BOOST_ASIO)
/// What Asio's own operations throw.
using net_system_error = boost::system::system_error;
#else
using net_system_error = std::system_error;
#endif

inline std::error_code aborted() { return net::error::make_error_code(net::error::operation_aborted); }

/// For exceptions that have no code: nothing in this project uses it.
inline std::error_code no_code() { return std::make_error_code(std::errc::no_child_process); }

/// The code of a system_error of either flavour; empty for success.
inline std::error_code code_of(const std::exception_ptr& error) {
    if (!error) {
        return {};
    }
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& e) {
        return e.code();
#if defined(DISPATCH_USE_BOOST_ASIO)
    } catch (const net_system_error& e) {
        return e.code();
#endif
    } catch (...) {
        return no_code();
    }
}

/// Whether error is an E that says message.
template <typename E>
bool is_error(const std::exception_ptr& error, const std::string& message) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const E& e) {
        return typeid(e) == typeid(E) && e.what() == message;
    } catch (...) {
    }
    return false;
}

inline std::uint64_t endings(const dispatch::Ledger& ledger) {
    return ledger.completed + ledger.failed + ledger.rejected + ledger.expired + ledger.cancelled + ledger.stopped;
}

/// All that was counted has been given back, and the ledger adds up.
template <typename Pool>
void expect_idle(const Pool& pool) {
    for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
        EXPECT_EQ(row.inflight, 0U) << "worker " << row.worker_id;
        EXPECT_EQ(row.queue_len, 0U) << "worker " << row.worker_id;
        EXPECT_EQ(row.waiting, 0U) << "worker " << row.worker_id;
    }
    EXPECT_EQ(pool.ledger().submitted, endings(pool.ledger()));
}

/// Does what is ready to be done, and says how much that was.
inline std::size_t poll(net::io_context& context) {
    context.restart();
    return context.poll();
}

/// Runs context until done() or until there is nothing left to wait for.
template <typename Done>
bool run_until(net::io_context& context, Done&& done) {
    context.restart();
    while (!done()) {
        if (context.run_one() == 0) {
            return done();
        }
    }
    return true;
}

/// Whether context has something to do or to wait for: its run() would not return.
inline bool has_work(net::io_context& context) {
    poll(context);
    return !context.stopped();
}

/// Handlers wait here, on their own executor, until the test opens the gate. Copies mean the same gate.
/// Thread-safe; it may go before the handlers that wait, and outlive their context.
class Gate {
  public:
    /// Returns once the gate is open; a cancellation of any type is thrown as operation_aborted.
    net::awaitable<void> pass() const { return wait(state_, true); }

    /// The same for a handler that will not be hurried.
    net::awaitable<void> pass_stubbornly() const { return wait(state_, false); }

    void open() const {
        std::vector<std::weak_ptr<net::steady_timer>> waiting;
        {
            const std::lock_guard lock{state_->mutex};
            state_->open = true;
            waiting.swap(state_->waiting);
        }
        for (const std::weak_ptr<net::steady_timer>& entry : waiting) {
            if (std::shared_ptr<net::steady_timer> timer = entry.lock()) {
                const auto executor = timer->get_executor();
                net::post(executor, [timer = std::move(timer)] { timer->cancel(); });
            }
        }
    }

    /// Blocks until so many handlers have come to the gate. For pools with threads of their own.
    void await_arrivals(int n) const {
        std::unique_lock lock{state_->mutex};
        state_->arrival.wait(lock, [&] { return state_->arrivals >= n; });
    }

    /// Handlers that have come so far.
    int arrivals() const {
        const std::lock_guard lock{state_->mutex};
        return state_->arrivals;
    }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable arrival;
        std::vector<std::weak_ptr<net::steady_timer>> waiting;
        int arrivals = 0;
        bool open = false;
    };

    static net::awaitable<void> wait(std::shared_ptr<State> state, bool may_be_cancelled) {
        const net::any_io_executor executor = co_await net::this_coro::executor;
        if (!may_be_cancelled) {
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
        }
        const auto timer = std::make_shared<net::steady_timer>(executor, std::chrono::steady_clock::time_point::max());
        {
            const std::lock_guard lock{state->mutex};
            ++state->arrivals;
            state->arrival.notify_all();
            if (state->open) {
                co_return;
            }
            state->waiting.push_back(timer);
        }
        net_error error;
        co_await timer->async_wait(net::redirect_error(net::use_awaitable, error));
        const std::lock_guard lock{state->mutex};
        if (!state->open) {
            throw std::system_error{error};
        }
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// What a completion handler was called with; the handler may outlive this. One thread at a time.
template <typename S>
class Outcome {
  public:
    auto handler() {
        return [record = record_](std::exception_ptr error, S value) {
            ++record->calls;
            record->error = std::move(error);
            record->value.emplace(std::move(value));
        };
    }

    int calls() const noexcept { return record_->calls; }
    const std::exception_ptr& error() const noexcept { return record_->error; }
    const std::optional<S>& value() const noexcept { return record_->value; }

    /// Whether the handler object is still somewhere.
    bool pending() const noexcept { return record_.use_count() != 1; }

    /// Called once, with this code (success if empty).
    testing::AssertionResult heard(std::error_code expected) const {
        return check(calls() == 1 && code_of(error()) == expected);
    }

    testing::AssertionResult returned(const S& expected) const {
        return check(calls() == 1 && !error() && value() == expected);
    }

  private:
    struct Record {
        int calls = 0;
        std::exception_ptr error;
        std::optional<S> value;
    };

    testing::AssertionResult check(bool right) const {
        if (right) {
            return testing::AssertionSuccess();
        }
        return testing::AssertionFailure() << "called " << calls() << " times, with: " << code_of(error()).message();
    }

    std::shared_ptr<Record> record_ = std::make_shared<Record>();
};

/// An executor that knows whether it is running something in this thread, and how often it did.
/// on_execute is called within execute() itself, as if another thread were that quick.
class RecordingExecutor {
  public:
    explicit RecordingExecutor(net::io_context& target, std::function<void()> on_execute = {})
        : target_{target.get_executor()}, record_{std::make_shared<Record>()} {
        record_->on_execute = std::move(on_execute);
    }

    template <typename Function>
    void execute(Function&& function) const {
        if (record_->on_execute) {
            record_->on_execute();
        }
        target_.execute([record = record_, function = std::forward<Function>(function)]() mutable {
            ++record->runs;
            const Record* const outer = std::exchange(running_, record.get());
            std::move(function)();
            running_ = outer;
        });
    }

    bool running_in_this_thread() const noexcept { return running_ == record_.get(); }
    int runs() const noexcept { return record_->runs; }

    template <typename Property>
        requires net::can_require_v<net::any_io_executor, Property>
    RecordingExecutor require(const Property& property) const {
        return {net::require(target_, property), record_};
    }

    template <typename Property>
        requires net::can_prefer_v<net::any_io_executor, Property>
    RecordingExecutor prefer(const Property& property) const {
        return {net::prefer(target_, property), record_};
    }

    template <typename Property>
        requires net::can_query_v<net::any_io_executor, Property>
    decltype(auto) query(const Property& property) const {
        return net::query(target_, property);
    }

    friend bool operator==(const RecordingExecutor& a, const RecordingExecutor& b) noexcept {
        return a.record_ == b.record_ && a.target_ == b.target_;
    }
    friend bool operator!=(const RecordingExecutor& a, const RecordingExecutor& b) noexcept { return !(a == b); }

  private:
    struct Record {
        std::atomic<int> runs{0};
        std::function<void()> on_execute;
    };

    RecordingExecutor(net::any_io_executor target, std::shared_ptr<Record> record) noexcept
        : target_{std::move(target)}, record_{std::move(record)} {}

    static inline thread_local const Record* running_ = nullptr;

    net::any_io_executor target_;
    std::shared_ptr<Record> record_;
};

/// A context driven by hand and a pool on it. When the test is over the gate is opened, the context runs
/// out of work, and nothing may be left on the pool's books.
template <typename R, typename S>
class PoolFixture : public testing::Test {
  public:
    using Pool = dispatch::WorkerPool<R, S>;
    using Handle = dispatch::WorkerHandle<R, S>;

    ~PoolFixture() override {
        gate.open();
        if (context) {
            context->restart();
            context->run();
        }
        for (const Handle& handle : handles) {
            EXPECT_EQ(handle.load(), 0U) << "worker " << handle.id();
        }
        if (pool) {
            expect_idle(*pool);
        }
    }

    template <typename Handler>
    Pool& make_pool(std::size_t workers, Handler handler, dispatch::WorkerOptions worker_options = {},
                    dispatch::PoolOptions options = {}) {
        handles = dispatch::spawn_workers<R, S>(context->get_executor(), workers, std::move(handler), worker_options);
        return pool.emplace(handles, options);
    }

    /// The only worker's row.
    dispatch::WorkerMetrics row() const { return pool->worker_metrics().front(); }

    void poll() { test::poll(*context); }

    Gate gate;
    std::optional<net::io_context> context{std::in_place};
    std::vector<Handle> handles;
    std::optional<Pool> pool;
};

}  // namespace test

#endif  // DISPATCH_TESTS_SUPPORT_POOL_FIXTURE_HPP
