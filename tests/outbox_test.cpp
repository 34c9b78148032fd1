// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/intrusive_list.hpp>
#include <dispatch/detail/outbox.hpp>

namespace {

/// An answered job.
struct Reply : dispatch::detail::ListHook {
    std::atomic<int> delivered{0};
    std::atomic<int> destroyed{0};
    std::function<void()> on_deliver = [] {};

    void deliver() {
        ++delivered;
        on_deliver();
    }
    void destroy() noexcept { ++destroyed; }
};

/// An outbox whose carriers run when the test says so.
struct Fixture : testing::Test {
    dispatch::detail::Outbox<Reply> outbox;
    int carriers = 0;

    void push(Reply& reply) { carriers += outbox.push(reply) ? 1 : 0; }
    void run_carrier() {
        --carriers;
        outbox.deliver([this] { ++carriers; });
    }
};
using Outbox = Fixture;

TEST_F(Outbox, OneCarrierTakesAllThatHasCome) {
    std::vector<Reply> replies(10);
    for (Reply& reply : replies) {
        push(reply);
        EXPECT_EQ(carriers, 1);
        EXPECT_EQ(reply.delivered, 0);
    }
    run_carrier();
    // A relay was sent along, which finds nothing.
    while (carriers != 0) {
        run_carrier();
    }
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.delivered, 1);
    }
}

TEST_F(Outbox, DeliversInOrder) {
    std::vector<Reply> replies(10);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != replies.size(); ++i) {
        replies[i].on_deliver = [&order, i] { order.push_back(i); };
        push(replies[i]);
    }
    while (carriers != 0) {
        run_carrier();
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(Outbox, ACallerThatKeepsItsCarrierHoldsUpNobody) {
    Reply slow;
    Reply next;
    slow.on_deliver = [&] {
        EXPECT_EQ(carriers, 1) << "a carrier waits for what is left";
        run_carrier();
        EXPECT_EQ(next.delivered, 1);
    };
    push(slow);
    push(next);
    run_carrier();
    EXPECT_EQ(slow.delivered, 1);
}

TEST_F(Outbox, WhatComesDuringADeliveryIsNotForgotten) {
    Reply first;
    Reply second;
    Reply third;
    first.on_deliver = [&] {
        push(second);
        push(third);
        EXPECT_EQ(carriers, 1);
    };
    push(first);
    run_carrier();
    while (carriers != 0) {
        run_carrier();
    }
    EXPECT_EQ(second.delivered, 1);
    EXPECT_EQ(third.delivered, 1);
}

TEST_F(Outbox, ACarrierYieldsItsThreadAndSendsTheNext) {
    std::vector<Reply> replies(1000);
    for (Reply& reply : replies) {
        push(reply);
    }
    run_carrier();
    int delivered = 0;
    for (const Reply& reply : replies) {
        delivered += reply.delivered;
    }
    EXPECT_GT(delivered, 0);
    EXPECT_LT(delivered, 1000);
    EXPECT_EQ(carriers, 1);
    int turns = 1;
    for (; carriers != 0; ++turns) {
        run_carrier();
    }
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.delivered, 1);
    }
    EXPECT_GE(turns, 10);
}

TEST_F(Outbox, DestroyAllLetsGoWithoutDelivering) {
    std::vector<Reply> replies(3);
    for (Reply& reply : replies) {
        push(reply);
    }
    outbox.destroy_all();
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.destroyed, 1);
        EXPECT_EQ(reply.delivered, 0);
    }
    run_carrier();  // it was on its way
    EXPECT_EQ(carriers, 0);
}

TEST(OutboxThreads, EachReplyIsDeliveredOnce) {
    constexpr std::size_t producers = 2;
    constexpr std::size_t replies_each = 20000;
    dispatch::detail::Outbox<Reply> outbox;
    std::vector<Reply> replies(producers * replies_each);
    std::atomic<int> carriers{0};
    std::atomic<std::size_t> delivered{0};
    for (Reply& reply : replies) {
        reply.on_deliver = [&] { ++delivered; };
    }
    std::vector<std::thread> threads;
    for (std::size_t p = 0; p != producers; ++p) {
        threads.emplace_back([&, p] {
            for (std::size_t i = 0; i != replies_each; ++i) {
                carriers += outbox.push(replies[p * replies_each + i]) ? 1 : 0;
            }
        });
        threads.emplace_back([&] {
            // Runs a carrier only when one was posted: one too few, and this never ends.
            while (delivered != replies.size()) {
                int seen = carriers;
                if (seen > 0 && carriers.compare_exchange_strong(seen, seen - 1)) {
                    outbox.deliver([&] { ++carriers; });
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const Reply& reply : replies) {
        ASSERT_EQ(reply.delivered, 1);
    }
}

}  // namespace
