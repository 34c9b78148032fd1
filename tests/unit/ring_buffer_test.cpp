// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/detail/base/ring_buffer.hpp>

namespace ring_buffer_test {

using dispatch::detail::RingBuffer;

struct alignas(64) Aligned {
    int value;
};

TEST(RingBuffer, IsAQueueOfEachCapacity) {
    for (std::size_t capacity = 1; capacity != 6; ++capacity) {
        RingBuffer<std::unique_ptr<int>> ring{capacity};
        std::deque<int> model;
        int next = 0;
        // Each way to go on from each place in the ring: filled to the brim, emptied, and in between.
        for (const char step :
             {'+', '+', '-', '+', '+', '+', '+', '-', '-', '+', '-', '-', '-', '-', '+', '-', '+', '+'}) {
            if (step == '+' && !ring.full()) {
                ring.push_back(std::make_unique<int>(next));
                model.push_back(next++);
            } else if (step == '-' && !ring.empty()) {
                EXPECT_EQ(*ring.pop_front(), model.front());
                model.pop_front();
            }
            EXPECT_EQ(ring.size(), model.size());
            EXPECT_EQ(ring.empty(), model.empty());
            EXPECT_EQ(ring.full(), model.size() == capacity);
        }
    }
}

TEST(RingBuffer, DestroysWhatIsLeft) {
    const auto token = std::make_shared<int>();
    {
        RingBuffer<std::shared_ptr<int>> ring{3};
        ring.push_back(std::shared_ptr{token});
        ring.push_back(std::shared_ptr{token});
        static_cast<void>(ring.pop_front());
        ring.push_back(std::shared_ptr{token});
        ring.push_back(std::shared_ptr{token});
        EXPECT_EQ(token.use_count(), 4);
        ring.clear();
        EXPECT_EQ(token.use_count(), 1);
        ring.push_back(std::shared_ptr{token});
    }
    EXPECT_EQ(token.use_count(), 1);
}

TEST(RingBuffer, AlignsItsValues) {
    RingBuffer<Aligned> ring{2};
    ring.push_back(Aligned{7});
    EXPECT_EQ(ring.pop_front().value, 7);
}

}  // namespace ring_buffer_test
