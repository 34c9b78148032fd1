// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP
#define DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/sessions/session_line.hpp>
#include <dispatch/detail/sessions/session_store.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Sessions by hash, and in the order in which they expire. One thread at a time, but for prefetch().
///
/// A hash table that grows by one bucket at a time (linear hashing: Litwin, 1980), so that no operation ever passes
/// over all of it. All that a lookup needs is in the bucket. The order is kept apart from it, in records that never
/// move.
///
/// The highest bits of a hash are the table's own; the 32 below tell the sessions of a bucket apart, and the rest
/// decide on the bucket.
class SessionTable {
  public:
    using Time = std::int64_t;

    static constexpr std::uint32_t none = SessionLine::none;
    static constexpr std::uint32_t tag_shift = 26;
    static constexpr std::uint32_t number_shift = tag_shift + 32;
    static_assert(SessionStore::tables == std::uint64_t{1} << (64 - number_shift));

    /// A session as it is put away.
    struct Session {
        std::uint64_t hash;
        Time expiry;
        std::uint32_t worker;
        /// The worker before that one, or none.
        std::uint32_t earlier;
    };

    /// Table number of store, which outlives it. The hashes begin with this number.
    SessionTable(SessionStore& store, std::uint32_t number) noexcept : store_{store}, number_{number} {}

    bool empty() const noexcept { return oldest_ == none; }

    /// The session that has gone longest without insert() or renew(). There is one.
    Session oldest() noexcept {
        order_renewals();
        const SessionRecord& record = store_.record(oldest_);
        const auto [line, before] = line_of(oldest_);
        const std::uint32_t place = line->place_of(oldest_);
        const SessionPin& pin = line->pin(place);
        constexpr std::uint32_t low_mask = (std::uint32_t{1} << tag_shift) - 1;
        const std::uint64_t hash = std::uint64_t{number_} << number_shift |
                                   std::uint64_t{line->tag(place)} << tag_shift | (record.low & low_mask);
        return {hash, pin.expiry, pin.worker, record.earlier};
    }

    /// A bucket, and how many there were when it was a hash's.
    struct Hint {
        SessionLine* bucket;
        std::uint32_t buckets;
    };

    /// Has the processor fetch what find() will read. Any thread may call it at any time.
    Hint prefetch(std::uint64_t hash) const noexcept {
        const std::uint32_t buckets = buckets_.load(std::memory_order_acquire);
        if (buckets == 0) [[unlikely]] {
            return {nullptr, 0};
        }
        SessionLine* const bucket = &store_.bucket(row_of(hash, buckets), number_);
        __builtin_prefetch(bucket);
        __builtin_prefetch(bucket + 1);
        return {bucket, buckets};
    }

    /// The pin of the session with this hash, or null. It stays where it is until the table changes. hint is that of
    /// prefetch(hash).
    SessionPin* find(std::uint64_t hash, const Hint& hint) const noexcept {
        const std::uint32_t count = buckets();
        SessionLine* at = hint.buckets == count ? hint.bucket : &bucket(row_of(hash, count));
        const std::uint32_t tag = tag_of(hash);
        for (; at != nullptr; at = following(*at)) {
            if (SessionPin* const pin = at->find(tag); pin != nullptr) [[likely]] {
                return pin;
            }
        }
        return nullptr;
    }

    SessionPin* find(std::uint64_t hash) const noexcept { return find(hash, prefetch(hash)); }

    /// The worker of a session before the one to which it is pinned, or none.
    std::uint32_t& earlier(const SessionPin& pin) const noexcept { return store_.record(pin.number).earlier; }

    /// Makes room, so that the next insertion, of this hash, cannot fail. May throw std::bad_alloc, without effect on
    /// what is found.
    void prepare_insert(std::uint64_t hash) {
        if (wants_row()) {
            store_.add_row(buckets());
        }
        if (!has_free_record()) {
            unused_ = store_.take_records();
            unused_end_ = unused_ + SessionStore::records_per_block;
        }
        if (free_line_ == none && is_full(hash)) {
            const std::uint32_t number = store_.take_spare();
            std::construct_at(std::addressof(store_.spare(number)), none);
            free_line_ = number;
        }
    }

    /// Whether the next insertion, of this hash, needs no memory.
    bool can_insert(std::uint64_t hash) const noexcept {
        return !wants_row() && has_free_record() && (free_line_ != none || !is_full(hash));
    }

    /// Adds a session that is not there, as the newest. Only when can_insert().
    void insert(const Session& session) noexcept {
        order_renewals();
        link_newest(add(session));
    }

    /// Puts back a session that was there, as the oldest. Only when can_insert().
    void insert_oldest(const Session& session) noexcept {
        order_renewals();
        link_oldest(add(session));
    }

    /// Gives a session a new expiry, and makes it the newest: not before somebody asks for the oldest, or some more
    /// have been renewed, which takes less time for several than for one at a time.
    void renew(SessionPin& pin, Time expiry) noexcept {
        pin.expiry = expiry;
        if (renewals_ != 0 ? renewed_[renewals_ - 1] == pin.number : newest_ == pin.number) {
            return;
        }
        renewed_[renewals_++] = pin.number;
        if (renewals_ == renewed_.size()) [[unlikely]] {
            order_renewals();
        }
    }

    void erase_oldest() noexcept {
        order_renewals();
        const std::uint32_t number = oldest_;
        remove_from_bucket(number);
        SessionRecord& record = store_.record(number);
        unlink(record);
        record.older = free_record_;
        free_record_ = number;
        --size_;
    }

  private:
    struct Lines {
        SessionLine* line;
        /// The one before it in its bucket; null where it is the first.
        SessionLine* before;
    };

    static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> tag_shift); }

    /// Linear hashing: the first buckets have been split by one bit of the hash more than the others.
    static std::uint32_t row_of(std::uint64_t hash, std::uint32_t buckets) noexcept {
        const std::uint32_t mask = std::numeric_limits<std::uint32_t>::max() >> std::countl_zero(buckets);
        const std::uint32_t row = static_cast<std::uint32_t>(hash) & mask;
        return row < buckets ? row : row & (mask >> 1);
    }

    std::uint32_t buckets() const noexcept { return buckets_.load(std::memory_order_relaxed); }
    SessionLine& bucket(std::uint32_t row) const noexcept { return store_.bucket(row, number_); }
    SessionLine& bucket_of(std::uint64_t hash) const noexcept { return bucket(row_of(hash, buckets())); }

    SessionLine* following(SessionLine& line) const noexcept {
        return line.next() == SessionLine::beside ? &line + 1
               : line.next() == none              ? nullptr
                                                  : &store_.spare(line.next());
    }

    /// How many sessions a bucket has on average, of the six for which there are places; those that are split last have
    /// twice as many as those split first.
    static constexpr std::uint32_t per_bucket = 5;

    bool wants_bucket() const noexcept { return size_ / per_bucket >= buckets(); }
    bool wants_row() const noexcept { return wants_bucket() && !store_.has_row(buckets()); }
    bool has_free_record() const noexcept { return free_record_ != none || unused_ != unused_end_; }

    bool is_full(std::uint64_t hash) const noexcept {
        if (buckets() == 0) {
            return false;
        }
        SessionLine* at = &bucket_of(hash);
        while (at != nullptr && at->full()) {
            at = following(*at);
        }
        return at == nullptr;
    }

    /// Where a session is.
    Lines line_of(std::uint32_t number) const noexcept {
        SessionLine* before = nullptr;
        SessionLine* at = &bucket_of(store_.record(number).low);
        while (at->place_of(number) == none) {
            before = std::exchange(at, following(*at));
        }
        return {at, before};
    }

    /// The number of a new session, which is not in the order yet.
    std::uint32_t add(const Session& session) noexcept {
        if (wants_bucket()) {
            add_bucket();
        }
        std::uint32_t number = free_record_;
        if (number != none) {
            free_record_ = store_.record(number).older;
        } else {
            number = unused_++;
        }
        std::construct_at(std::addressof(store_.record(number)),
                          SessionRecord{static_cast<std::uint32_t>(session.hash), session.earlier, none, none});
        add_to(bucket_of(session.hash), tag_of(session.hash), {session.expiry, session.worker, number});
        ++size_;
        return number;
    }

    /// There is a place in the bucket, or a free line.
    void add_to(SessionLine& bucket, std::uint32_t tag, const SessionPin& pin) noexcept {
        SessionLine* at = &bucket;
        while (at->full()) {
            if (at->next() == none) {
                at->set_next(free_line_);
                SessionLine& more = store_.spare(free_line_);
                free_line_ = more.next();
                more.set_next(none);
            }
            at = following(*at);
        }
        at->add(tag, pin);
    }

    void remove_from_bucket(std::uint32_t number) noexcept {
        const auto [line, before] = line_of(number);
        line->remove(line->place_of(number));
        if (line->empty() && before != nullptr && before->next() != SessionLine::beside) {
            const std::uint32_t spare = before->next();
            before->set_next(line->next());
            free_line(spare);
        }
    }

    void free_line(std::uint32_t number) noexcept {
        store_.spare(number).set_next(free_line_);
        free_line_ = number;
    }

    /// Splits a bucket in two. Takes no memory: the lines that a bucket has are enough for its sessions.
    void add_bucket() noexcept {
        const std::uint32_t count = buckets();
        SessionLine* const added = &bucket(count);
        std::construct_at(added, SessionLine::beside);
        std::construct_at(added + 1, none);
        buckets_.store(count + 1, std::memory_order_release);
        if (count != 0) {
            SessionLine* const first = &bucket(count - std::bit_floor(count));
            const SessionLine lines[]{first[0], first[1]};
            first[0] = SessionLine{SessionLine::beside};
            first[1] = SessionLine{none};
            distribute(lines[0]);
            distribute(lines[1]);
            for (std::uint32_t spare = lines[1].next(); spare != none;) {
                const SessionLine line = std::exchange(store_.spare(spare), SessionLine{none});
                free_line(std::exchange(spare, line.next()));
                distribute(line);
            }
        }
    }

    void distribute(const SessionLine& line) noexcept {
        for (std::uint32_t place = 0; place != SessionLine::places; ++place) {
            if (line.used(place)) {
                const SessionPin& pin = line.pin(place);
                add_to(bucket_of(store_.record(pin.number).low), line.tag(place), pin);
            }
        }
    }

    /// Brings the order up to date with renew().
    void order_renewals() noexcept {
        if (renewals_ == 0) {
            return;
        }
        const std::uint32_t count = std::exchange(renewals_, 0);
        for (std::uint32_t i = 0; i != count; ++i) {
            const SessionRecord& record = store_.record(renewed_[i]);
            for (const std::uint32_t neighbour : {record.older, record.newer}) {
                if (neighbour != none) {
                    __builtin_prefetch(&store_.record(neighbour));
                }
            }
        }
        for (std::uint32_t i = 0; i != count; ++i) {
            if (const std::uint32_t number = renewed_[i]; number != newest_) {
                unlink(store_.record(number));
                link_newest(number);
            }
        }
    }

    void link_newest(std::uint32_t number) noexcept {
        SessionRecord& record = store_.record(number);
        record.older = newest_;
        record.newer = none;
        (newest_ == none ? oldest_ : store_.record(newest_).newer) = number;
        newest_ = number;
    }

    void link_oldest(std::uint32_t number) noexcept {
        SessionRecord& record = store_.record(number);
        record.older = none;
        record.newer = oldest_;
        (oldest_ == none ? newest_ : store_.record(oldest_).older) = number;
        oldest_ = number;
    }

    void unlink(const SessionRecord& record) noexcept {
        (record.older == none ? oldest_ : store_.record(record.older).newer) = record.newer;
        (record.newer == none ? newest_ : store_.record(record.newer).older) = record.older;
    }

    SessionStore& store_;
    const std::uint32_t number_;
    std::atomic<std::uint32_t> buckets_{0};
    std::uint32_t size_ = 0;
    /// Records that were given back, chained by older.
    std::uint32_t free_record_ = none;
    /// Records that were never used.
    std::uint32_t unused_ = 0;
    std::uint32_t unused_end_ = 0;
    /// Spare lines, chained by next.
    std::uint32_t free_line_ = none;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    /// Sessions whose place in the order is an old one, in the order in which they were renewed.
    std::uint32_t renewals_ = 0;
    std::array<std::uint32_t, 16> renewed_{};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP
