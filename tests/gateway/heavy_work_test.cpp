// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/heavy_work.hpp>

namespace heavy_work_test {

namespace net = gateway::net;
using gateway::HeavyWork;

class HeavyWorkTest : public testing::Test {
  protected:
    /// The thread that work was done on.
    std::thread::id run(std::size_t bytes, std::function<void()> work) {
        auto result = net::co_spawn(here, await(bytes, std::move(work)),
                                    net::bind_cancellation_slot(signal.slot(), net::use_future));
        here.run();  // may have nothing to do meanwhile, and does not end
        return result.get();
    }

    net::awaitable<std::thread::id> await(std::size_t bytes, std::function<void()> work) {
        auto working = heavy.run(bytes, [&] {
            work();
            return std::this_thread::get_id();
        });
        const std::thread::id worked = co_await std::move(working);
        EXPECT_EQ(std::this_thread::get_id(), awaits);
        co_return worked;
    }

    net::io_context here;
    HeavyWork heavy;
    net::cancellation_signal signal;
    const std::thread::id awaits = std::this_thread::get_id();
};

TEST_F(HeavyWorkTest, IsDoneElsewhereIfThereIsMuchOfIt) {
    EXPECT_EQ(run(HeavyWork::from_bytes - 1, [] {}), awaits);
    here.restart();
    EXPECT_NE(run(HeavyWork::from_bytes, [] {}), awaits);
}

TEST_F(HeavyWorkTest, BringsBackWhatWorkThrows) {
    EXPECT_THROW(run(HeavyWork::from_bytes, [] { throw std::logic_error{"mine"}; }), std::logic_error);
}

TEST_F(HeavyWorkTest, ComesToItsEndAlthoughItIsCancelled) {
    std::promise<void> emitted;
    EXPECT_NE(run(HeavyWork::from_bytes,
                  [&] {
                      net::post(here, [&] {
                          signal.emit(net::cancellation_type::terminal);
                          emitted.set_value();
                      });
                      emitted.get_future().wait();
                  }),
              awaits);
}

}  // namespace heavy_work_test
