// SPDX-License-Identifier: Apache-2.0
//
// Streams under real threads: handlers that write faster than they are read, or slower, on the threads of a pool;
// readers on those, on strands and threads of another context, that pause, give up, cancel and destroy; deadlines, and
// pools that are stopped or destroyed meanwhile. What is read must be what was written, from the first part on, and in
// the end all must add up.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace stream_stress_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;
using dispatch::errc;
using std::chrono::microseconds;

struct Request {
    unsigned dice;
    /// So many parts have been written.
    std::shared_ptr<std::atomic<int>> written;
};

using Part = std::unique_ptr<int>;
using Stream = dispatch::Stream<Part>;
using Writer = dispatch::Writer<Part>;
using Pool = dispatch::WorkerPool<Request, Stream>;
using Strand = net::strand<net::thread_pool::executor_type>;

net::awaitable<void> handle(Request request, Writer& out) {
    const unsigned dice = request.dice;
    if (dice % 13 == 0) {
        co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    }
    const int parts = static_cast<int>(dice % 40);
    for (int i = 0; i != parts; ++i) {
        if (i % 8 == 7 && dice % 5 == 0) {
            net::steady_timer timer{co_await net::this_coro::executor, microseconds{dice % 300}};
            co_await timer.async_wait(net::use_awaitable);
        }
        Part part = std::make_unique<int>(i);
        // Before it is: the reader may have it before this goes on.
        ++*request.written;
        if (dice % 3 != 0 || !out.try_write(part)) {
            co_await out.write(std::move(part));
        }
    }
    if (dice % 7 == 0) {
        throw std::runtime_error{"the handler's"};
    }
}

/// What became of all streams.
struct Counts {
    std::atomic<std::uint64_t> opened{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> parts{0};
    std::atomic<std::uint64_t> ends{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> late{0};
    std::atomic<std::uint64_t> given_up{0};
    std::atomic<std::uint64_t> destroyed{0};
    std::atomic<std::uint64_t> aborted{0};
};

/// Reads one stream, on its strand.
class Reader : public std::enable_shared_from_this<Reader> {
  public:
    Reader(const Strand& strand, unsigned dice, Counts& counts) : strand_{strand}, dice_{dice}, counts_{counts} {}

    void submit(Pool& pool) {
        dispatch::SubmitOptions options;
        if (dice_ % 6 == 0) {
            options.deadline = std::chrono::steady_clock::now() + microseconds{dice_ % 2'000};
        }
        auto opened = [self = shared_from_this()](const std::exception_ptr& error, Stream stream) {
            if (error) {
                ++self->counts_.refused;
                self->over_ = true;
            } else {
                ++self->counts_.opened;
                self->stream_.emplace(std::move(stream));
                self->next();
            }
        };
        pool.submit(options, Request{dice_ / 6, written_},
                    net::bind_executor(strand_, net::bind_cancellation_slot(signal_.slot(), std::move(opened))));
        if (dice_ % 11 == 0) {
            after(dice_ % 500, [](Reader& self) {
                if (!self.over_ && !self.stream_) {
                    self.signal_.emit(net::cancellation_type::terminal);
                }
            });
        }
    }

  private:
    template <typename Then>
    void after(unsigned time, Then then) {
        const auto timer = std::make_shared<net::steady_timer>(strand_, microseconds{time});
        timer->async_wait([timer, self = shared_from_this(), then](const test::net_error& /*error*/) { then(*self); });
    }

    void next() {
        if (dice_ % 4 == 0) {
            while (std::optional<Part> part = stream_->try_next()) {
                take(**part);
            }
        }
        const unsigned number = ++nexts_;
        if (dice_ % 17 == 0 && number == 5) {
            return destroy();
        }
        waits_ = true;
        auto heard = [self = shared_from_this()](const std::exception_ptr& error, std::optional<Part> part) {
            self->heard(error, std::move(part));
        };
        stream_->next(net::bind_executor(strand_, net::bind_cancellation_slot(read_.slot(), std::move(heard))));
        if (dice_ % 5 == 0 && number % 4 == 0) {
            after(dice_ % 50, [number](Reader& self) {
                if (self.waits_ && self.nexts_ == number) {
                    self.gave_up_ = true;
                    self.read_.emit(net::cancellation_type::total);
                }
            });
        } else if (dice_ % 19 == 0 && number == 6) {
            after(dice_ % 100, [](Reader& self) { self.destroy(); });
        }
    }

    void heard(const std::exception_ptr& error, std::optional<Part> part) {
        waits_ = false;
        const bool gave_up = std::exchange(gave_up_, false);
        if (part) {
            take(**part);
        }
        if (!stream_) {
            return;
        }
        if (gave_up && test::code_of(error) == test::aborted()) {
            ++counts_.given_up;
            exact_ = false;  // it may have been the handler's, which was cancelled
            return next();
        }
        if (error) {
            ++counts_.errors;
            counts_.late += test::code_of(error) == errc::deadline_exceeded ? 1 : 0;
            counts_.aborted += test::code_of(error) == test::aborted() ? 1 : 0;
            return destroy();
        }
        if (!part) {
            ++counts_.ends;
            EXPECT_TRUE(read_parts_ == *written_ || !exact_) << "a part was lost";
            return destroy();
        }
        if (dice_ % 8 == 0) {
            return after(dice_ % 30, [](Reader& self) {
                if (self.stream_) {
                    self.next();
                }
            });
        }
        next();
    }

    void take(int part) {
        ++counts_.parts;
        EXPECT_EQ(part, read_parts_) << "lost, doubled or out of turn";
        ++read_parts_;
        EXPECT_LE(read_parts_, *written_);
    }

    void destroy() {
        if (stream_) {
            ++counts_.destroyed;
            over_ = true;
            stream_.reset();
        }
    }

    const Strand strand_;
    const unsigned dice_;
    Counts& counts_;
    const std::shared_ptr<std::atomic<int>> written_ = std::make_shared<std::atomic<int>>(0);
    net::cancellation_signal signal_;
    net::cancellation_signal read_;
    std::optional<Stream> stream_;
    unsigned nexts_ = 0;
    int read_parts_ = 0;
    bool waits_ = false;
    bool gave_up_ = false;
    bool over_ = false;
    /// Nothing was heard of an error.
    bool exact_ = true;
};

enum class End { none, stop, destroy };

void play(unsigned round, std::size_t buffer, End end, Counts& seen) {
    constexpr std::size_t submitters = 2;
    constexpr std::size_t streams_each = 400;
    SCOPED_TRACE("round " + std::to_string(round));
    Counts counts;
    net::thread_pool home{3};
    net::thread_pool away{2};
    std::optional<Pool> pool{std::in_place,
                             dispatch::spawn_workers<Request, Stream>(home.get_executor(), 3, handle,
                                                                      {.max_concurrency = 4, .queue_capacity = 32}),
                             dispatch::PoolOptions{.stream_buffer = buffer}};
    std::atomic<std::size_t> submitted{0};
    std::vector<std::thread> outside;
    for (unsigned s = 0; s != submitters; ++s) {
        outside.emplace_back([&, s] {
            std::minstd_rand random{round * 10 + s + 1};
            for (std::size_t i = 0; i != streams_each; ++i) {
                const auto dice = static_cast<unsigned>(random());
                const Strand strand = net::make_strand((dice / 2 % 2 == 0 ? home : away).get_executor());
                const auto reader = std::make_shared<Reader>(strand, dice, counts);
                net::post(strand, [&, reader] {
                    reader->submit(*pool);
                    ++submitted;
                    submitted.notify_one();
                });
                if (i % 16 == 0) {
                    std::this_thread::sleep_for(microseconds{random() % 500});
                }
            }
        });
    }
    if (end == End::stop) {
        std::this_thread::sleep_for(3ms);
        pool->stop();
    }
    for (std::thread& thread : outside) {
        thread.join();
    }
    for (std::size_t now = submitted; now != submitters * streams_each; now = submitted) {
        submitted.wait(now);
    }
    if (end == End::destroy) {
        pool.reset();
    }
    home.join();  // every handler has ended
    away.join();
    EXPECT_EQ(counts.opened + counts.refused, submitters * streams_each);
    EXPECT_EQ(counts.opened, counts.destroyed);
    if (pool) {
        test::expect_idle(*pool);
        EXPECT_EQ(pool->ledger().submitted, submitters * streams_each);
    }
    seen.parts += counts.parts;
    seen.ends += counts.ends;
    seen.errors += counts.errors;
    seen.late += counts.late;
    seen.aborted += counts.aborted;
    seen.given_up += counts.given_up;
    seen.refused += counts.refused;
}

TEST(StreamStress, WhatIsReadIsWhatWasWritten) {
    Counts seen;
    for (unsigned round = 0; round != 6; ++round) {
        play(round, round % 2 == 0 ? 1 : 4, std::array{End::none, End::stop, End::destroy}[round % 3], seen);
    }
    EXPECT_NE(seen.parts, 0U);
    EXPECT_NE(seen.ends, 0U);
    EXPECT_NE(seen.errors, 0U);
    EXPECT_NE(seen.late, 0U);
    EXPECT_NE(seen.aborted, 0U);
    EXPECT_NE(seen.given_up, 0U);
    EXPECT_NE(seen.refused, 0U);
}

/// Handlers are blocked, readers wait, and replies are on their way. The streams of those that read elsewhere outlive
/// the context.
TEST(StreamStress, TheContextGoesInTheMidst) {
    for (unsigned round = 0; round != 12; ++round) {
        Counts counts;
        std::optional<net::thread_pool> home{2};
        std::optional<net::thread_pool> away{2};
        Pool pool{dispatch::spawn_workers<Request, Stream>(home->get_executor(), 2, handle, {.max_concurrency = 4}),
                  {.stream_buffer = 2}};
        {
            std::minstd_rand random{round + 1};
            for (int i = 0; i != 100; ++i) {
                const auto dice = static_cast<unsigned>(random());
                const Strand strand = net::make_strand((dice / 2 % 2 == 0 ? *home : *away).get_executor());
                net::post(strand,
                          [&pool, reader = std::make_shared<Reader>(strand, dice, counts)] { reader->submit(pool); });
            }
        }
        std::this_thread::sleep_for(microseconds{200 * round});
        home->stop();
        away->stop();
        home->join();
        away->join();
        home.reset();
        away.reset();
        EXPECT_LE(counts.opened + counts.refused, 100U);
    }
}

/// The parts of one stream, written by several threads at a time.
TEST(StreamStress, ManyWriters) {
    constexpr int writers = 3;
    constexpr int parts_each = 60;
    net::thread_pool home{2};
    net::thread_pool away{writers};
    const auto write_some = [](int writer, Writer& out) -> net::awaitable<void> {
        for (int part = 0; part != parts_each; ++part) {
            co_await out.write(std::make_unique<int>(part * writers + writer));
        }
    };
    Pool pool{dispatch::spawn_workers<Request, Stream>(home.get_executor(), 1,
                                                       [&](Request /*request*/, Writer& out) -> net::awaitable<void> {
                                                           const test::Gate all_ended;
                                                           std::atomic<int> left{writers};
                                                           for (int writer = 0; writer != writers; ++writer) {
                                                               net::co_spawn(away, write_some(writer, out),
                                                                             [&](const std::exception_ptr& error) {
                                                                                 EXPECT_FALSE(error);
                                                                                 const test::Gate gate = all_ended;
                                                                                 if (--left == 0) {
                                                                                     gate.open();
                                                                                 }
                                                                             });
                                                           }
                                                           co_await all_ended.pass();
                                                       },
                                                       {.max_concurrency = 8}),
              {.stream_buffer = 2}};
    const auto read_all = [&pool]() -> net::awaitable<void> {
        Stream stream = co_await pool.submit(std::nullopt, Request{}, net::use_awaitable);
        std::array<int, writers> read{};
        while (std::optional<Part> part = co_await stream.next()) {
            EXPECT_EQ(**part / writers, read[static_cast<std::size_t>(**part % writers)]++);
        }
        EXPECT_EQ(read, (std::array<int, writers>{parts_each, parts_each, parts_each}));
    };
    std::atomic<int> completed{0};
    for (int stream = 0; stream != 30; ++stream) {
        net::co_spawn(away, read_all(), [&](const std::exception_ptr& error) {
            EXPECT_FALSE(error);
            ++completed;
        });
    }
    away.join();
    home.join();
    EXPECT_EQ(completed, 30);
    test::expect_idle(pool);
}

}  // namespace stream_stress_test
