// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <dispatch/semaphore.hpp>
#include <gateway/upstream/cached_token_source.hpp>

#include "support/log_capture.hpp"

namespace cached_token_source_test {

using namespace std::chrono_literals;
namespace net = gateway::net;
using gateway::AccessToken;
using gateway::CachedTokenSource;
using gateway::Clock;
using gateway::TokenError;

/// Every fetch waits until the test lets one go; it is "token-1", "token-2", ..., each for an hour.
class GatedFetcher final : public gateway::TokenFetcher {
  public:
    explicit GatedFetcher(const net::any_io_executor& executor) : gate_{executor, 0} {}

    net::awaitable<AccessToken> fetch() override {
        ++begun;
        dispatch::Permit permit = co_await gate_.async_acquire(net::use_awaitable);
        permit.detach();
        if (std::exchange(fail_next, false)) {
            throw TokenError{"the server is down", true, 503};
        }
        co_return AccessToken{"token-" + std::to_string(begun), 1h};
    }

    void let_one_go() { gate_.release(); }

    int begun = 0;
    bool fail_next = false;

  private:
    dispatch::Semaphore gate_;
};

/// What became of one call of token().
struct Call {
    net::cancellation_signal cancel;
    std::optional<std::string> token;
    std::exception_ptr error;
    bool ended = false;

    [[nodiscard]] std::string outcome() const {
        if (!ended) {
            return "waits";
        }
        if (!error) {
            return token.value();
        }
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& thrown) {
            return gateway::reason(thrown);
        }
    }
};

/// One thread, a clock that stands still, and any number of callers.
class CachedTokens : public testing::Test {
  protected:
    CachedTokens() {
        auto made = std::make_unique<GatedFetcher>(context.get_executor());
        fetcher = made.get();
        source = std::make_unique<CachedTokenSource>(context.get_executor(), std::move(made), [this] { return now; });
    }

    Call& call() {
        Call& made = calls.emplace_back();
        net::co_spawn(context, source->token(),
                      net::bind_cancellation_slot(made.cancel.slot(), [&](std::exception_ptr error, std::string token) {
                          made.ended = true;
                          made.error = std::move(error);
                          made.token = std::move(token);
                      }));
        run();
        return made;
    }

    /// Until all wait for something.
    void run() {
        context.restart();
        context.poll();
    }

    void let_one_go() {
        fetcher->let_one_go();
        run();
    }

    std::string outcomes() const {
        std::string text;
        for (const Call& made : calls) {
            text += (text.empty() ? "" : ", ") + made.outcome();
        }
        return text;
    }

    const test::LogCapture log;
    Clock::time_point now{1000h};
    std::deque<Call> calls;
    net::io_context context;
    GatedFetcher* fetcher = nullptr;
    std::unique_ptr<CachedTokenSource> source;
};

TEST_F(CachedTokens, OneFetchServesAll) {
    call();
    call();
    call();
    EXPECT_EQ(outcomes(), "waits, waits, waits");
    let_one_go();
    EXPECT_EQ(outcomes(), "token-1, token-1, token-1");
    call();
    EXPECT_EQ(outcomes(), "token-1, token-1, token-1, token-1");
    EXPECT_EQ(fetcher->begun, 1);
}

TEST_F(CachedTokens, AFailureServesAllAsWell) {
    fetcher->fail_next = true;
    call();
    call();
    let_one_go();
    EXPECT_EQ(outcomes(), "the server is down, the server is down");
    call();
    EXPECT_EQ(calls.back().outcome(), "the server is down") << "nobody is asked so soon again";
    EXPECT_EQ(fetcher->begun, 1);
    EXPECT_EQ(log.lines().size(), 1U);
    now += 1s;
    call();
    let_one_go();
    EXPECT_EQ(calls.back().outcome(), "token-2");
}

TEST_F(CachedTokens, OneRefreshesWhileTheOthersUseTheOldToken) {
    call();
    let_one_go();
    now += 56min;
    call();
    call();
    EXPECT_EQ(outcomes(), "token-1, waits, token-1");
    let_one_go();
    EXPECT_EQ(outcomes(), "token-1, token-2, token-1");
    EXPECT_EQ(call().outcome(), "token-2");
    EXPECT_EQ(fetcher->begun, 2);
}

TEST_F(CachedTokens, AnOldTokenOutlivesAFailureToRefresh) {
    call();
    let_one_go();
    now += 56min;
    fetcher->fail_next = true;
    call();
    let_one_go();
    EXPECT_EQ(outcomes(), "token-1, token-1");
    EXPECT_EQ(call().outcome(), "token-1") << "it is not tried again at once";
    EXPECT_EQ(fetcher->begun, 2);
    ASSERT_EQ(log.lines().size(), 1U);
    EXPECT_NE(log.lines().front().find("the server is down"), std::string::npos);
    now += 1s;
    call();
    let_one_go();
    EXPECT_EQ(calls.back().outcome(), "token-3");
}

TEST_F(CachedTokens, AnExpiredTokenIsNotHandedOut) {
    call();
    let_one_go();
    now += 1h;
    call();
    call();
    EXPECT_EQ(outcomes(), "token-1, waits, waits");
    fetcher->fail_next = true;
    let_one_go();
    EXPECT_EQ(outcomes(), "token-1, the server is down, the server is down");
}

TEST_F(CachedTokens, ACancelledWaiterLeavesTheOthersAlone) {
    call();
    Call& waiter = call();
    call();
    waiter.cancel.emit(net::cancellation_type::terminal);
    run();
    EXPECT_EQ(outcomes(), "waits, Operation canceled, waits");
    let_one_go();
    EXPECT_EQ(outcomes(), "token-1, Operation canceled, token-1");
    EXPECT_EQ(fetcher->begun, 1);
}

TEST_F(CachedTokens, ACancelledRefresherHandsOn) {
    Call& refresher = call();
    call();
    call();
    refresher.cancel.emit(net::cancellation_type::terminal);
    run();
    EXPECT_EQ(outcomes(), "Operation canceled, waits, waits");
    EXPECT_EQ(fetcher->begun, 2) << "the next one fetches";
    let_one_go();
    EXPECT_EQ(outcomes(), "Operation canceled, token-2, token-2");
    EXPECT_TRUE(log.lines().empty()) << "it is no failure of the server";
}

TEST_F(CachedTokens, ARejectedTokenIsReplaced) {
    call();
    let_one_go();
    source->reject("another");
    EXPECT_EQ(call().outcome(), "token-1");
    source->reject("token-1");
    call();
    let_one_go();
    EXPECT_EQ(calls.back().outcome(), "token-2");
    source->reject("token-1");
    EXPECT_EQ(call().outcome(), "token-2") << "who rejects late does no harm";
    EXPECT_EQ(fetcher->begun, 2);
}

TEST_F(CachedTokens, CallersMayBeLeftBehindAtTheEnd) {
    call();
    call();
    SUCCEED() << "the fixture destroys the source and the context under them";
}

/// Lets others run.
net::awaitable<void> turn() {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    co_await net::post(executor, net::use_awaitable);
}

net::awaitable<void> emit_after(int turns, net::cancellation_signal& signal) {
    for (int i = 0; i < turns; ++i) {
        co_await turn();
    }
    signal.emit(net::cancellation_type::terminal);
}

/// For many threads: fetches that overlap would be seen, and every seventh fails.
class BusyFetcher final : public gateway::TokenFetcher {
  public:
    explicit BusyFetcher(std::atomic<Clock::rep>& now) : now_{now} {}

    net::awaitable<AccessToken> fetch() override {
        const Running running{at_work_, overlapped};
        const int number = ++begun;
        co_await turn();
        if (number % 7 == 0) {
            throw TokenError{"the server is down", true, 503};
        }
        const Clock::duration born{now_.load()};
        const auto expiry = std::chrono::ceil<std::chrono::seconds>(born + 100s);
        co_return AccessToken{std::to_string(expiry.count()), 100s};
    }

    std::atomic<int> begun = 0;
    std::atomic<bool> overlapped = false;

  private:
    /// Also leaves when the fetch is cancelled.
    class Running {
      public:
        Running(std::atomic<int>& at_work, std::atomic<bool>& overlapped) : at_work_{at_work} {
            if (at_work_.fetch_add(1) != 0) {
                overlapped = true;
            }
        }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        ~Running() { --at_work_; }

      private:
        std::atomic<int>& at_work_;
    };

    std::atomic<int> at_work_ = 0;
    std::atomic<Clock::rep>& now_;
};

/// Asks again and again, and moves the clock on as it does.
net::awaitable<void> ask(CachedTokenSource& source, std::atomic<Clock::rep>& now, std::atomic<int>& expired,
                         int times) {
    for (int i = 0; i < times; ++i) {
        const Clock::duration before{now.load()};
        try {
            const std::string token = co_await source.token();
            if (std::chrono::seconds{std::stoll(token)} <= before) {
                ++expired;
            }
            if (i % 50 == 49) {
                source.reject(token);
            }
        } catch (const TokenError&) {
            // As of every seventh fetch.
        }
        now += Clock::duration{100ms}.count();
        co_await turn();
    }
}

TEST(CachedTokensOfManyThreads, AreFetchedOneAtATime) {
    constexpr int callers = 32;
    constexpr int times = 200;
    const test::LogCapture log{gateway::log::Level::off};
    std::atomic<Clock::rep> now{Clock::duration{1000h}.count()};
    net::thread_pool threads{4};
    auto made = std::make_unique<BusyFetcher>(now);
    BusyFetcher& fetcher = *made;
    CachedTokenSource source{threads.get_executor(), std::move(made),
                             [&] { return Clock::time_point{Clock::duration{now.load()}}; }};
    std::atomic<int> expired = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> cancelled = 0;
    // Half of the callers are cancelled, each on its strand, at some time: after so many turns of it.
    std::deque<net::cancellation_signal> signals;
    for (int i = 0; i < callers; ++i) {
        const auto strand = net::make_strand(threads.get_executor());
        net::cancellation_signal& signal = signals.emplace_back();
        net::co_spawn(
            strand, ask(source, now, expired, times),
            net::bind_cancellation_slot(signal.slot(), net::bind_executor(strand, [&](std::exception_ptr error) {
                                            ++ended;
                                            cancelled += error ? 1 : 0;
                                        })));
        if (i % 2 == 0) {
            net::co_spawn(strand, emit_after(i * 5, signal), net::detached);
        }
    }
    threads.join();
    EXPECT_EQ(ended.load(), callers);
    EXPECT_FALSE(fetcher.overlapped);
    EXPECT_EQ(expired.load(), 0);
    EXPECT_GT(fetcher.begun.load(), 1) << "the clock has moved on by more than a token's life";
    EXPECT_GT(cancelled.load(), 0) << "nobody was cancelled while it ran";
}

}  // namespace cached_token_source_test
