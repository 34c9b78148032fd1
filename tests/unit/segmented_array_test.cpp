// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/sessions/segmented_array.hpp>

namespace segmented_array_test {

using dispatch::detail::cache_line;
using dispatch::detail::SegmentedArray;

template <std::uint32_t least>
void grow_and_look() {
    SegmentedArray<std::uint32_t, least> array;
    EXPECT_EQ(array.size(), 0U);
    std::vector<std::uint32_t*> places;
    while (array.size() < 100'000) {
        const std::uint32_t before = array.size();
        array.grow();
        ASSERT_GT(array.size(), before);
        ASSERT_LE(array.size() - before, least + before / 16) << "much that nobody has asked for";
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(std::addressof(array[before])) % cache_line, 0U);
        for (std::uint32_t number = before; number != array.size(); ++number) {
            places.push_back(std::construct_at(std::addressof(array[number]), number));
        }
    }
    for (std::uint32_t number = 0; number != array.size(); ++number) {
        ASSERT_EQ(std::addressof(array[number]), places[number]) << "it has moved";
        ASSERT_EQ(array[number], number) << "another one is in the same place";
    }
}

TEST(SegmentedArray, ElementsStayWhereTheyAreWhileItGrowsBySmallParts) {
    grow_and_look<1>();
    grow_and_look<8>();
    grow_and_look<64>();
}

TEST(SegmentedArray, LargeSegmentsBeginWithAHugePage) {
    constexpr std::size_t huge_page = std::size_t{1} << 21;
    struct Kilobyte {
        std::byte bytes[1024];
    };
    SegmentedArray<Kilobyte, 1> array;
    std::uint32_t before = 0;
    do {
        before = array.size();
        array.grow();
    } while (array.size() - before < huge_page / sizeof(Kilobyte));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(std::addressof(array[before])) % huge_page, 0U);
}

}  // namespace segmented_array_test
