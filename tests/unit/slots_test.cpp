// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/slots.hpp>

namespace slots_test {

struct Thing {
    explicit Thing(std::uint32_t its_number) : number{its_number} { ++live; }
    Thing(const Thing&) = delete;
    Thing& operator=(const Thing&) = delete;
    ~Thing() { --live; }

    const std::uint32_t number;
    static inline int live = 0;
};

using Slots = dispatch::detail::Slots<Thing>;

TEST(Slots, FindsWhatIsThere) {
    Slots slots;
    Thing& first = slots.add();
    Thing& second = slots.add();
    EXPECT_NE(first.number, second.number);
    EXPECT_EQ(slots.find(first.number), &first);
    EXPECT_EQ(slots.find(second.number), &second);
    EXPECT_EQ(slots.find(2), nullptr);
    EXPECT_EQ(slots.size(), 2U);
}

TEST(Slots, FindsNothingWhereOneHasGone) {
    Slots slots;
    const std::uint32_t number = slots.add().number;
    slots.add();
    slots.remove(number);
    EXPECT_EQ(slots.find(number), nullptr);
    EXPECT_EQ(slots.size(), 1U);
    EXPECT_EQ(Thing::live, 1);
}

TEST(Slots, GivesANumberAgain) {
    Slots slots;
    const std::uint32_t number = slots.add().number;
    slots.add();
    slots.remove(number);
    Thing& later = slots.add();
    EXPECT_EQ(later.number, number);
    EXPECT_EQ(slots.find(number), &later);
}

TEST(Slots, AddressesStay) {
    Slots slots;
    Thing* const first = &slots.add();
    for (int i = 0; i != 1000; ++i) {
        slots.add();
    }
    EXPECT_EQ(slots.find(0), first);
}

TEST(Slots, VisitsEachAlsoWhereSomeComeAndGo) {
    Slots slots;
    for (int i = 0; i != 4; ++i) {
        slots.add();
    }
    slots.remove(1);
    std::vector<std::uint32_t> seen;
    slots.for_each([&](Thing& thing) {
        seen.push_back(thing.number);
        if (thing.number == 0) {
            slots.remove(0);
            slots.remove(2);
            slots.add();
        }
    });
    EXPECT_EQ(seen, (std::vector<std::uint32_t>{0, 2, 3})) << "2 is the one that was added";
}

TEST(Slots, DestroysWhatIsLeft) {
    {
        Slots slots;
        slots.add();
        slots.add();
    }
    EXPECT_EQ(Thing::live, 0);
}

}  // namespace slots_test
