// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <gateway/api/status_feed.hpp>
#include <gateway/base/run_cancellable.hpp>

namespace status_feed_test {

using namespace std::chrono_literals;
using gateway::BodySource;
using gateway::StatusFeed;
namespace net = gateway::net;

class StatusFeedTest : public testing::Test {
  protected:
    /// Its events are the numbers of reads.
    void make_feed(std::size_t max_watchers, std::chrono::milliseconds interval) {
        feed = std::make_shared<StatusFeed>([this] { return std::to_string(++reads); },
                                            StatusFeed::Options{max_watchers, interval});
    }

    std::unique_ptr<BodySource> watch() { return feed->watch(context.get_executor()); }

    /// Runs the context until there is a part.
    std::optional<std::string> next(BodySource& source) {
        std::optional<std::string> part;
        net::co_spawn(
            context,
            [](BodySource& from, std::optional<std::string>& to) -> net::awaitable<void> { to = co_await from.next(); }(
                                                                     source, part),
            [](const std::exception_ptr& error) {
                if (error) {
                    std::rethrow_exception(error);
                }
            });
        context.restart();
        context.run();
        return part;
    }

    net::io_context context;
    std::shared_ptr<StatusFeed> feed;
    int reads = 0;
};

TEST_F(StatusFeedTest, TellsOfEachInterval) {
    make_feed(1, 1ms);
    const std::unique_ptr<BodySource> source = watch();
    EXPECT_EQ(reads, 0);
    for (const char* const event : {"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}) {
        EXPECT_EQ(next(*source), event);
    }
}

TEST_F(StatusFeedTest, ReadsOnceForAllWhoWatch) {
    make_feed(3, 1h);
    for (int i = 0; i < 3; ++i) {
        const std::unique_ptr<BodySource> source = watch();
        EXPECT_EQ(next(*source), "data: 1\n\n");
    }
}

TEST_F(StatusFeedTest, LetsInAsManyAsMayWatch) {
    make_feed(2, 1h);
    std::unique_ptr<BodySource> first = watch();
    const std::unique_ptr<BodySource> second = watch();
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(watch(), nullptr);
    EXPECT_FALSE(feed->ended());
    first.reset();
    EXPECT_NE(watch(), nullptr);
}

TEST_F(StatusFeedTest, EndsAtOnceForThoseWhoWaitToo) {
    make_feed(3, 1h);
    const std::unique_ptr<BodySource> waiting = watch();
    const std::unique_ptr<BodySource> begun = watch();
    const std::unique_ptr<BodySource> fresh = watch();
    EXPECT_TRUE(next(*waiting));
    EXPECT_TRUE(next(*begun));
    net::post(context, [this] { feed->end(); });  // when the next part is waited for
    EXPECT_EQ(next(*waiting), std::nullopt);
    EXPECT_EQ(next(*begun), std::nullopt);
    EXPECT_EQ(next(*fresh), std::nullopt);
    EXPECT_EQ(watch(), nullptr);
    EXPECT_TRUE(feed->ended());
}

TEST_F(StatusFeedTest, IsNotWaitedForWhenNobodyWantsTheRest) {
    make_feed(1, 1h);
    const std::unique_ptr<BodySource> source = watch();
    EXPECT_TRUE(next(*source));
    const auto left = std::make_shared<net::cancellation_signal>();
    bool ended = false;
    net::co_spawn(context, gateway::run_cancellable(source->next(), left),
                  [&](const std::exception_ptr& error, auto&&) {
                      EXPECT_TRUE(error) << "there is no event for who has left";
                      ended = true;
                  });
    net::post(context, [left] { left->emit(net::cancellation_type::terminal); });
    context.restart();
    context.run();
    EXPECT_TRUE(ended);
}

TEST_F(StatusFeedTest, AnErrorIsTheWatchers) {
    feed = std::make_shared<StatusFeed>([]() -> std::string { throw std::runtime_error{"no"}; }, StatusFeed::Options{});
    const std::unique_ptr<BodySource> source = watch();
    EXPECT_THROW(next(*source), std::runtime_error);
}

TEST_F(StatusFeedTest, MayEndBeforeThoseWhoWatch) {
    make_feed(1, 1h);
    const std::unique_ptr<BodySource> source = watch();
    feed.reset();
    EXPECT_EQ(next(*source), "data: 1\n\n");
}

TEST(StatusFeedThreads, ManyMayWatchOnThreadsOfTheirOwnWhileItEnds) {
    constexpr int watchers = 16;
    constexpr int each = 20;  // parts, after which it leaves and comes again
    std::atomic<bool> reading{false};
    std::atomic<int> events{0};
    const auto feed = std::make_shared<StatusFeed>(
        [&] {
            EXPECT_FALSE(reading.exchange(true)) << "two read at a time";
            reading = false;
            return std::to_string(++events);
        },
        StatusFeed::Options{watchers, 1ms});
    net::thread_pool threads{4};
    const auto follow = [&](net::any_io_executor strand) -> net::awaitable<void> {
        while (const std::unique_ptr<BodySource> source = feed->watch(strand)) {
            for (int i = 0; i < each; ++i) {
                if (!co_await source->next()) {
                    break;
                }
            }
        }
    };
    for (int i = 0; i < watchers; ++i) {
        const auto strand = net::make_strand(threads.get_executor());
        net::co_spawn(strand, follow(strand), net::detached);
    }
    while (events < 100) {
        std::this_thread::yield();
    }
    feed->end();
    threads.join();
    EXPECT_TRUE(feed->ended());
}

}  // namespace status_feed_test
