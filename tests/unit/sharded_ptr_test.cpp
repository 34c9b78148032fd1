// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/sharded_ptr.hpp>

namespace sharded_ptr_test {

struct Tracked {
    explicit Tracked(std::atomic<int>& wanted) : destroyed{wanted} {}
    ~Tracked() { ++destroyed; }
    Tracked(const Tracked&) = delete;
    Tracked& operator=(const Tracked&) = delete;

    std::atomic<int>& destroyed;
    int value = 7;
};

using Owner = dispatch::detail::ShardedOwner<Tracked>;
using Ref = dispatch::detail::ShardedRef<Tracked>;

struct ShardedPtr : testing::Test {
    std::atomic<int> destroyed{0};
    std::optional<Owner> owner{std::in_place, std::in_place, destroyed};
};

TEST_F(ShardedPtr, EndsWithItsOwnerWhenNobodyHasAReference) {
    EXPECT_EQ((*owner)->value, 7);
    {
        const Ref ref = owner->share();
        EXPECT_EQ(&*ref, &**owner);
    }
    EXPECT_EQ(destroyed, 0);
    owner.reset();
    EXPECT_EQ(destroyed, 1);
}

TEST_F(ShardedPtr, OutlivesItsOwnerUntilTheLastReferenceGoes) {
    std::optional<Ref> first{owner->share()};
    std::optional<Ref> second{*first};
    owner.reset();
    std::optional<Ref> third{*second};
    EXPECT_EQ((*third)->value, 7);
    first.reset();
    third.reset();
    EXPECT_EQ(destroyed, 0);
    second.reset();
    EXPECT_EQ(destroyed, 1);
}

TEST_F(ShardedPtr, MovingAndAssigningCountsRight) {
    std::atomic<int> others{0};
    Owner other{std::in_place, others};
    Ref ref = owner->share();
    Ref moved{std::move(ref)};
    ref = moved;
    moved = other.share();
    EXPECT_EQ(&*moved, &*other);
    owner.reset();
    EXPECT_EQ(destroyed, 0);
    ref = moved;
    EXPECT_EQ(destroyed, 1);
    Owner taken{std::move(other)};
    EXPECT_FALSE(other);  // NOLINT(bugprone-use-after-move): that it is empty is promised
    EXPECT_TRUE(taken);
    EXPECT_EQ(others, 0);
}

TEST_F(ShardedPtr, AReferenceMayBeDroppedOnAnotherThread) {
    // More of them than there are shards, so that some count below zero and some are shared.
    std::vector<Ref> refs;
    for (std::size_t i = 0; i != 3 * dispatch::detail::shards; ++i) {
        std::thread{[&] { refs.push_back(owner->share()); }}.join();
    }
    while (refs.size() > 1) {
        std::thread{[&] { refs.pop_back(); }}.join();
    }
    owner.reset();
    EXPECT_EQ(destroyed, 0);
    refs.clear();
    EXPECT_EQ(destroyed, 1);
}

TEST(ShardedPtrThreads, IsDestroyedOnceWhoeverComesLast) {
    int by_owner = 0;
    int by_reference = 0;
    for (int round = 0; round < 2000 || by_reference == 0; ++round) {
        std::atomic<int> destroyed{0};
        std::optional<Owner> owner{std::in_place, std::in_place, destroyed};
        std::atomic<bool> go{false};
        std::atomic<bool> gone{false};
        std::thread user{[&go, &gone, ref = owner->share()]() mutable {
            while (!go) {
                std::this_thread::yield();
            }
            for (int i = 0; i != 20; ++i) {
                const Ref copy = ref;
                ASSERT_EQ(copy->value, 7);
            }
            {
                [[maybe_unused]] const Ref last = std::move(ref);
            }
            gone = true;
        }};
        go = true;
        for (int pause = 0; pause != round % 50; ++pause) {
            std::this_thread::yield();
        }
        while (round % 50 == 0 && !gone) {
            std::this_thread::yield();  // now and then the owner comes last for certain
        }
        owner.reset();
        const int left_by_owner = destroyed;
        user.join();
        ASSERT_EQ(destroyed, 1);
        ++(left_by_owner == 1 ? by_owner : by_reference);
    }
    EXPECT_GT(by_owner, 0) << "the race was never seen from this side";
}

}  // namespace sharded_ptr_test
