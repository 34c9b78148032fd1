// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/sessions/session_line.hpp>
#include <dispatch/detail/sessions/session_store.hpp>
#include <dispatch/detail/sessions/session_table.hpp>

namespace session_table_test {

using dispatch::detail::SessionLine;
using dispatch::detail::SessionPin;
using dispatch::detail::SessionStore;
using dispatch::detail::SessionTable;
using Session = SessionTable::Session;

constexpr std::uint32_t number = 5;
constexpr std::uint32_t none = SessionTable::none;

/// The hash with this tag of a session of table number; low decides on the bucket.
constexpr std::uint64_t hash_of(std::uint64_t tag, std::uint64_t low) {
    return std::uint64_t{number} << SessionTable::number_shift | tag << SessionTable::tag_shift | low;
}

/// Spreads over buckets and tags, and does not repeat.
constexpr std::uint64_t spread(std::uint64_t i) { return hash_of(i, (i * 0x9e3779b1U) >> 5 & 0x3ffffff); }

struct Table : testing::Test {
    void insert(std::uint64_t hash, std::uint32_t worker = 0, std::int64_t expiry = 0) {
        table.prepare_insert(hash);
        ASSERT_TRUE(table.can_insert(hash));
        table.insert({hash, expiry, worker, none});
    }

    std::unique_ptr<SessionStore> store = std::make_unique<SessionStore>();
    SessionTable table{*store, number};
};

TEST_F(Table, AnEmptyOneFindsNothing) {
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(table.find(spread(1)), nullptr);
    EXPECT_FALSE(table.can_insert(spread(1)));
}

TEST_F(Table, ASessionComesBackAsItWasPutAway) {
    const Session session{spread(77), 123, 4, 9};
    table.prepare_insert(session.hash);
    table.insert(session);
    const Session oldest = table.oldest();
    EXPECT_EQ(oldest.hash, session.hash);
    EXPECT_EQ(oldest.expiry, 123);
    EXPECT_EQ(oldest.worker, 4U);
    EXPECT_EQ(oldest.earlier, 9U);
    EXPECT_EQ(table.earlier(*table.find(session.hash)), 9U);
}

TEST_F(Table, AHintIsGoodHoweverTheTableHasGrown) {
    constexpr std::uint32_t count = 3000;
    std::vector<SessionTable::Hint> hints;
    hints.push_back(table.prefetch(spread(0)));  // of an empty table
    for (std::uint32_t i = 0; i != count; ++i) {
        insert(spread(i), i);
        hints.push_back(table.prefetch(spread(i + 1)));
        // Of one that was there already, and of one that had yet to come.
        for (const std::uint32_t known : {i, i / 2, i / 7}) {
            const SessionPin* const pin = table.find(spread(known), hints[known]);
            ASSERT_NE(pin, nullptr) << known << " of " << i;
            ASSERT_EQ(pin->worker, known);
        }
    }
}

TEST_F(Table, ManySessionsOfOneBucketAreFoundAndErased) {
    // Those of 40 buckets' worth come to one; each split leaves them together, until their lowest bits part them.
    constexpr std::uint32_t crowd = 200;
    for (std::uint32_t i = 0; i != crowd; ++i) {
        insert(hash_of(i, i % 2 == 0 ? 0 : 0x2000000), i);
    }
    for (std::uint32_t i = 0; i != crowd; ++i) {
        insert(spread(1000 + i), i);
    }
    for (std::uint32_t erased = 0; erased != crowd; ++erased) {
        for (std::uint32_t i = 0; i != crowd; ++i) {
            const SessionPin* const pin = table.find(hash_of(i, i % 2 == 0 ? 0 : 0x2000000));
            ASSERT_EQ(pin != nullptr, i >= erased) << i << ' ' << erased;
            ASSERT_TRUE(pin == nullptr || pin->worker == i);
        }
        ASSERT_EQ(table.oldest().hash, hash_of(erased, erased % 2 == 0 ? 0 : 0x2000000));
        table.erase_oldest();
    }
    for (std::uint32_t i = 0; i != crowd; ++i) {
        ASSERT_NE(table.find(spread(1000 + i)), nullptr);
    }
}

TEST_F(Table, LinesAndRecordsAreUsedAgain) {
    const auto come_and_go = [&] {
        for (std::uint32_t i = 0; i != 100; ++i) {
            insert(hash_of(i, 0), i);
        }
        while (!table.empty()) {
            table.erase_oldest();
        }
    };
    come_and_go();
    const std::uint32_t line = store->take_spare();
    const std::uint32_t record = store->take_records();
    for (int round = 0; round != 50; ++round) {
        come_and_go();
    }
    EXPECT_EQ(store->take_spare(), line + 1);
    EXPECT_EQ(store->take_records(), record + SessionStore::records_per_block);
}

TEST_F(Table, TheOldestIsTheOneThatHasGoneLongestWithoutARenewal) {
    // So few that each is among the latest renewals, some, and more than are kept apart from the order.
    for (const std::uint32_t count : {2U, 5U, 15U, 16U, 17U, 200U}) {
        std::list<std::uint32_t> order;
        for (std::uint32_t i = 0; i != count; ++i) {
            insert(spread(i), i);
            order.push_back(i);
        }
        std::uint64_t random = count;
        std::int64_t expiry = 0;
        for (int step = 0; step != 5000; ++step) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            const auto which = static_cast<std::uint32_t>((random >> 33) % count);
            SessionPin* const pin = table.find(spread(which));
            ASSERT_NE(pin, nullptr);
            table.renew(*pin, ++expiry);
            order.remove(which);
            order.push_back(which);
            if (step % 37 == 0) {
                ASSERT_EQ(table.oldest().worker, order.front()) << step;
            }
            if (step % 41 == 0) {  // the order counts as well where a session is put back, or new
                const Session oldest = table.oldest();
                ASSERT_EQ(oldest.worker, order.front()) << step;
                table.erase_oldest();
                if (step % 2 == 0) {
                    table.insert_oldest(oldest);
                } else {
                    table.insert(oldest);
                    order.splice(order.end(), order, order.begin());
                }
            }
        }
        while (!table.empty()) {
            ASSERT_EQ(table.oldest().worker, order.front());
            order.pop_front();
            table.erase_oldest();
        }
        ASSERT_TRUE(order.empty());
    }
}

TEST_F(Table, TablesOfOneStoreHaveTheirOwnSessions) {
    SessionTable other{*store, number + 1};
    for (std::uint32_t i = 0; i != 500; ++i) {
        insert(spread(i), i);
        const std::uint64_t hash = spread(i) + (std::uint64_t{1} << SessionTable::number_shift);
        EXPECT_EQ(other.find(hash), nullptr);
        other.prepare_insert(hash);
        other.insert({hash, 0, i + 1000, none});
    }
    while (!table.empty()) {
        table.erase_oldest();
    }
    for (std::uint32_t i = 0; i != 500; ++i) {
        ASSERT_EQ(other.find(spread(i) + (std::uint64_t{1} << SessionTable::number_shift))->worker, i + 1000);
    }
}

}  // namespace session_table_test
