// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/recycler.hpp>

namespace recycler_test {

using dispatch::detail::Recycler;

#if defined(DISPATCH_ADDRESS_SANITIZER)
constexpr bool keeps = false;  // so that the sanitizer sees a use after free
#else
constexpr bool keeps = true;
#endif

/// Runs body on a thread of its own, which has an empty stock.
template <typename Body>
void on_fresh_thread(Body body) {
    std::thread{body}.join();
}

TEST(Recycler, GivesBlocksThatCanBeWrittenFromEndToEnd) {
    for (std::size_t size = 1; size <= 3000; size += 37) {
        std::vector<unsigned char*> blocks;
        for (unsigned char i = 0; i != 5; ++i) {
            auto* const block = static_cast<unsigned char*>(Recycler::allocate(size));
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0U);
            std::memset(block, i, size);
            blocks.push_back(block);
        }
        for (unsigned char i = 0; i != 5; ++i) {
            for (std::size_t byte = 0; byte != size; ++byte) {
                ASSERT_EQ(blocks[i][byte], i) << "size " << size;
            }
            Recycler::deallocate(blocks[i], size);
        }
    }
}

TEST(Recycler, UsesAFreedBlockAgain) {
    on_fresh_thread([] {
        std::set<void*> freed;
        std::vector<void*> blocks;
        for (int i = 0; i != 64; ++i) {
            blocks.push_back(Recycler::allocate(200));
        }
        for (void* block : blocks) {
            freed.insert(block);
            Recycler::deallocate(block, 200);
        }
        int again = 0;
        for (void*& block : blocks) {
            block = Recycler::allocate(193);  // of the same class
            again += static_cast<int>(freed.count(block));
        }
        if (keeps) {
            EXPECT_EQ(again, 64);
        }
        for (void* block : blocks) {
            Recycler::deallocate(block, 193);
        }
    });
}

TEST(Recycler, KeepsSizesApart) {
    on_fresh_thread([] {
        void* const small = Recycler::allocate(64);
        Recycler::deallocate(small, 64);
        void* const large = Recycler::allocate(65);
        if (keeps) {
            EXPECT_NE(large, small);
        }
        std::memset(large, 1, 65);
        Recycler::deallocate(large, 65);
    });
}

TEST(Recycler, TakesBlocksOfOtherThreads) {
    void* block = nullptr;
    on_fresh_thread([&] { block = Recycler::allocate(500); });
    on_fresh_thread([&] {
        Recycler::deallocate(block, 500);
        void* const again = Recycler::allocate(500);
        if (keeps) {
            EXPECT_EQ(again, block);
        }
        Recycler::deallocate(again, 500);
    });
}

/// Frees a block when its thread ends, after the thread's stock is gone.
struct FreedLate {
    void* block = nullptr;
    ~FreedLate() { Recycler::deallocate(block, 100); }
};

TEST(Recycler, TakesBlocksFromAThreadThatEnds) {
    // Under a leak checker this fails if a block went to a stock that nobody empties.
    on_fresh_thread([] {
        static thread_local FreedLate first;  // made before the stock's cleaner, so destroyed after it
        first.block = Recycler::allocate(100);
        Recycler::deallocate(Recycler::allocate(100), 100);
        static thread_local FreedLate second;
        second.block = Recycler::allocate(100);
    });
}

TEST(Recycler, WhatAThreadKeepsIsBounded) {
    if (!keeps) {
        GTEST_SKIP() << "nothing is kept";
    }
    on_fresh_thread([] {
        constexpr std::size_t count = 5000;
        std::vector<void*> blocks;
        for (std::size_t i = 0; i != count; ++i) {
            blocks.push_back(Recycler::allocate(64));
        }
        const std::set<void*> all(blocks.begin(), blocks.end());
        ASSERT_EQ(all.size(), count);
        for (void* block : blocks) {
            Recycler::deallocate(block, 64);
        }
        // The last block that was kept is the first to come back; those after it went to the heap.
        EXPECT_EQ(Recycler::allocate(64), blocks[1023]);
        Recycler::deallocate(blocks[1023], 64);
    });
}

}  // namespace recycler_test
