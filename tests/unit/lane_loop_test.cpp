// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include <dispatch/detail/run/lane_loop.hpp>

#include "../support/asio.hpp"

namespace lane_loop_test {

namespace net = dispatch::net;

using Strand = net::strand<net::io_context::executor_type>;
using Loop = dispatch::detail::LaneLoop;

class Owner final : public Loop::Owner {
  public:
    explicit Owner(net::io_context& context) : context_{&context} {}

    void lane_granted() override {
        EXPECT_TRUE(may_be_called);
        ++granted;
    }
    void lane_failed() noexcept override {
        EXPECT_TRUE(may_be_called);
        ++failed;
    }
    bool has_context() const noexcept override { return context_ != nullptr; }

    void context_goes() { context_ = nullptr; }

    int granted = 0;
    int failed = 0;
    bool may_be_called = true;

  private:
    net::io_context* context_;
};

class LaneLoop : public testing::Test {
  protected:
    void ring() {
        net::dispatch(strand, [this] {
            owner->may_be_called = false;
            loop->ring(owner);
            owner->may_be_called = true;
        });
    }

    void close() {
        net::dispatch(strand, [this] { loop->close(); });
    }

    void run() {
        context.restart();
        context.poll();
    }

    net::io_context context;
    Strand strand = net::make_strand(context);
    std::shared_ptr<Owner> owner = std::make_shared<Owner>(context);
    std::optional<Loop> loop{std::in_place, strand};
};

TEST_F(LaneLoop, GrantsALaneForEachRing) {
    for (int rings = 1; rings != 5; ++rings) {
        ring();
        run();
        EXPECT_EQ(owner->granted, rings);
    }
    EXPECT_EQ(owner->failed, 0);
    close();
    run();
}

TEST_F(LaneLoop, HasNoCoroutineBeforeItIsNeeded) {
    run();
    EXPECT_EQ(owner.use_count(), 1);
    ring();
    run();
    EXPECT_EQ(owner.use_count(), 2);
    close();
    run();
}

TEST_F(LaneLoop, EndsWhenItIsClosed) {
    ring();
    run();
    close();
    run();
    EXPECT_EQ(owner.use_count(), 1) << "the coroutine would hold it";
    EXPECT_EQ(owner->granted, 1);
}

TEST_F(LaneLoop, EndsWhereARingIsOnItsWay) {
    ring();
    close();
    run();
    EXPECT_EQ(owner.use_count(), 1);
    EXPECT_LE(owner->granted + owner->failed, 1) << "nobody needs the permit any more";
}

/// At each place at which the loop may be when it is closed.
TEST_F(LaneLoop, EndsWhereverItIs) {
    for (int steps = 0; steps != 12; ++steps) {
        owner = std::make_shared<Owner>(context);
        loop.emplace(strand);
        ring();
        context.restart();
        for (int i = 0; i != steps && context.poll_one() != 0; ++i) {
        }
        close();
        run();
        EXPECT_EQ(owner.use_count(), 1) << "after " << steps << " functions";
    }
}

TEST_F(LaneLoop, SaysNothingWhenTheContextGoesFirst) {
    auto other = std::make_unique<net::io_context>();
    owner = std::make_shared<Owner>(*other);
    const std::weak_ptr<Owner> alive = owner;
    std::optional<Loop> there{std::in_place, net::make_strand(*other)};
    there->ring(owner);
    other->poll();
    EXPECT_EQ(owner->granted, 1);
    owner->context_goes();
    owner->may_be_called = false;
    there.reset();  // as its owner does it while the context shuts down
    other.reset();
    owner.reset();
    EXPECT_TRUE(alive.expired());
}

}  // namespace lane_loop_test
