// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <deque>
#include <list>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/intrusive_list.hpp>

namespace intrusive_list_test {

struct Element : dispatch::detail::ListHook {
    explicit Element(int wanted) : value{wanted} {}
    int value;
};

using List = dispatch::detail::IntrusiveList<Element>;

/// Empties list from the front.
std::vector<int> drain(List& list) {
    std::vector<int> values;
    while (const Element* element = list.pop_front()) {
        values.push_back(element->value);
    }
    return values;
}

class IntrusiveList : public testing::Test {
  public:
    Element a{1}, b{2}, c{3};
    List list;
};

TEST_F(IntrusiveList, IsEmptyAtFirst) {
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.pop_front(), nullptr);
}

TEST_F(IntrusiveList, KeepsTheOrderOfPushBack) {
    list.push_back(a);
    list.push_back(b);
    list.push_back(c);
    EXPECT_FALSE(list.empty());
    EXPECT_EQ(drain(list), (std::vector{1, 2, 3}));
    EXPECT_TRUE(list.empty());
}

TEST_F(IntrusiveList, PushFrontComesFirst) {
    list.push_back(a);
    list.push_front(b);
    list.push_front(c);
    EXPECT_EQ(drain(list), (std::vector{3, 2, 1}));
}

TEST_F(IntrusiveList, AnyElementCanBeRemoved) {
    for (Element* const removed : {&a, &b, &c}) {
        list.push_back(a);
        list.push_back(b);
        list.push_back(c);
        list.remove(*removed);
        std::vector<int> rest{1, 2, 3};
        std::erase(rest, removed->value);
        EXPECT_EQ(drain(list), rest);
    }
}

TEST_F(IntrusiveList, ARemovedElementCanJoinAnotherList) {
    List other;
    list.push_back(a);
    list.push_back(b);
    list.remove(a);
    other.push_back(c);
    other.push_back(a);
    EXPECT_EQ(drain(other), (std::vector{3, 1}));
    EXPECT_EQ(drain(list), (std::vector{2}));
}

TEST_F(IntrusiveList, MovingTakesAllAndLeavesNothing) {
    list.push_back(a);
    list.push_back(b);
    List moved{std::move(list)};
    EXPECT_TRUE(list.empty());  // NOLINT(bugprone-use-after-move): that it is empty is promised
    list.push_back(c);
    EXPECT_EQ(drain(moved), (std::vector{1, 2}));
    moved = std::move(list);
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(drain(moved), (std::vector{3}));
}

TEST_F(IntrusiveList, SplicingAppendsAllAndLeavesNothing) {
    List other;
    list.splice_back(other);
    EXPECT_TRUE(list.empty());
    other.push_back(a);
    list.splice_back(other);
    EXPECT_TRUE(other.empty());
    other.push_back(b);
    other.push_back(c);
    list.splice_back(other);
    other.splice_back(other);
    EXPECT_TRUE(other.empty());
    list.remove(b);
    EXPECT_EQ(drain(list), (std::vector{1, 3}));
}

TEST_F(IntrusiveList, IteratesInItsOrder) {
    list.push_back(a);
    list.push_back(b);
    std::vector<int> values;
    for (const Element& element : list) {
        values.push_back(element.value);
    }
    EXPECT_EQ(values, (std::vector{1, 2}));
    EXPECT_EQ(list.begin()->value, 1);
    drain(list);
    EXPECT_EQ(list.begin(), list.end());
}

TEST_F(IntrusiveList, AgreesWithStdList) {
    std::minstd_rand random{1};
    std::deque<Element> elements;
    for (int i = 0; i != 20; ++i) {
        elements.emplace_back(i);
    }
    std::list<int> model;
    std::vector<bool> listed(elements.size());
    for (int step = 0; step != 20000; ++step) {
        const std::size_t index = random() % elements.size();
        if (random() % 4 == 0) {
            const Element* const first = list.pop_front();
            ASSERT_EQ(first == nullptr, model.empty());
            if (first != nullptr) {
                ASSERT_EQ(first->value, model.front());
                listed[static_cast<std::size_t>(first->value)] = false;
                model.pop_front();
            }
        } else if (random() % 8 == 0) {
            const Element* const last = list.pop_back();
            ASSERT_EQ(last == nullptr, model.empty());
            if (last != nullptr) {
                ASSERT_EQ(last->value, model.back());
                listed[static_cast<std::size_t>(last->value)] = false;
                model.pop_back();
            }
        } else if (listed[index]) {
            list.remove(elements[index]);
            model.remove(static_cast<int>(index));
            listed[index] = false;
        } else if (random() % 2 == 0) {
            list.push_back(elements[index]);
            model.push_back(static_cast<int>(index));
            listed[index] = true;
        } else {
            list.push_front(elements[index]);
            model.push_front(static_cast<int>(index));
            listed[index] = true;
        }
        if (step % 97 == 0) {
            ASSERT_EQ(drain(list), std::vector<int>(model.begin(), model.end())) << "step " << step;
            model.clear();
            listed.assign(elements.size(), false);
        }
        ASSERT_EQ(list.empty(), model.empty());
    }
}

}  // namespace intrusive_list_test
