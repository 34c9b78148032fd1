// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SESSION_STORE_HPP
#define DISPATCH_DETAIL_SESSIONS_SESSION_STORE_HPP

#include <array>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/sessions/segmented_array.hpp>
#include <dispatch/detail/sessions/session_line.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What is known of a session besides its SessionPin: what a lookup does not need.
struct SessionRecord {
    /// The part of its hash that decides on its bucket.
    std::uint32_t low;
    /// The worker to which it was pinned before, or SessionLine::none.
    std::uint32_t earlier;
    /// The sessions beside it in the order of expiry.
    std::uint32_t older;
    std::uint32_t newer;
};

/// The memory of some SessionTables, which have it in common so that it consists of few large pieces. Thread-safe:
/// it grows under a lock. What a table was given stays its own, and where it is.
class SessionStore {
  public:
    static constexpr std::uint32_t tables = 64;
    /// How many records a table is given at a time.
    static constexpr std::uint32_t records_per_block = 8;

    SessionRecord& record(std::uint32_t number) const noexcept { return records_[number]; }
    /// The first of the two lines of a table's bucket, in a row that is there.
    SessionLine& bucket(std::uint32_t row, std::uint32_t table) const noexcept { return rows_[row][table][0]; }
    /// A line that was taken.
    SessionLine& spare(std::uint32_t number) const noexcept { return spares_[number]; }

    bool has_row(std::uint32_t row) const noexcept { return row < rows_.size(); }

    // Those that follow may throw std::bad_alloc, without effect.

    /// Makes room for the bucket of each table in this row. Those before it are there.
    void add_row(std::uint32_t row) {
        const MutexLock lock{growth_};
        if (!has_row(row)) {
            rows_.grow();
        }
    }

    /// The first of records_per_block records.
    std::uint32_t take_records() {
        const MutexLock lock{growth_};
        return take(records_, records_taken_, records_per_block);
    }

    /// The number of a line for those that find no place in their bucket.
    std::uint32_t take_spare() {
        const MutexLock lock{growth_};
        return take(spares_, spares_taken_, 1);
    }

  private:
    /// Beside each other, so that both can be fetched at the same time.
    using Bucket = std::array<SessionLine, 2>;
    using Row = std::array<Bucket, tables>;

    template <typename Array>
    static std::uint32_t take(Array& array, std::uint32_t& taken, std::uint32_t count) {
        if (array.size() < taken + count) {
            array.grow();
        }
        const std::uint32_t number = taken;
        taken += count;
        return number;
    }

    SegmentedArray<SessionRecord, 64> records_;
    SegmentedArray<Row, 1> rows_;
    SegmentedArray<SessionLine, 8> spares_;
    Mutex growth_;
    // Under the lock.
    std::uint32_t records_taken_ = 0;
    std::uint32_t spares_taken_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SESSION_STORE_HPP
