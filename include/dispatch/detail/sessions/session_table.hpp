// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP
#define DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Sessions by hash, and in the order in which they expire; not thread-safe.
///
/// A hash table that grows by one bucket at a time (linear hashing: Litwin, 1980), over entries in
/// chunks that never move, so that no operation ever passes over all of them. About 46 bytes a session.
class SessionTable {
  public:
    /// Nanoseconds on the clock of the map.
    using Time = std::int64_t;

    struct Session {
        std::uint64_t hash;
        Time expiry;
        std::uint32_t worker;
        /// The worker before that one, or no_worker.
        std::uint32_t earlier;

      private:
        friend class SessionTable;
        std::uint32_t next_in_bucket;
        std::uint32_t older;
        std::uint32_t newer;
    };

    static constexpr std::uint32_t no_worker = std::numeric_limits<std::uint32_t>::max();

    bool empty() const noexcept { return oldest_ == none; }

    /// The one that has gone longest without insert() or renew(). There is one.
    Session& oldest() noexcept { return at(oldest_); }

    /// The session with this hash, or null.
    Session* find(std::uint64_t hash) noexcept {
        if (buckets_ == 0) {
            return nullptr;
        }
        for (std::uint32_t index = bucket(bucket_of(hash)); index != none; index = at(index).next_in_bucket) {
            if (at(index).hash == hash) {
                return &at(index);
            }
        }
        return nullptr;
    }

    /// Makes room, so that the next insert() cannot fail. May throw std::bad_alloc, without effect.
    void prepare_insert() {
        if (free_ == none && used_ == sessions_.size() * per_chunk) {
            sessions_.push_back(std::make_unique<Session[]>(per_chunk));
        }
        if (size_ >= buckets_ && buckets_ == directory_.size() * per_chunk) {
            directory_.push_back(std::make_unique<std::uint32_t[]>(per_chunk));
        }
    }

    /// Whether the next insertion needs no memory.
    bool can_insert() const noexcept {
        return (free_ != none || used_ != sessions_.size() * per_chunk) &&
               (size_ < buckets_ || buckets_ != directory_.size() * per_chunk);
    }

    /// Adds a session that is not there, as the newest. Only when can_insert().
    void insert(std::uint64_t hash, std::uint32_t worker, Time expiry) noexcept {
        link_newest(add(hash, worker, expiry));
    }

    /// Puts back a session that was there, as the oldest. Only when can_insert().
    void insert_oldest(const Session& session) noexcept {
        const std::uint32_t index = add(session.hash, session.worker, session.expiry);
        at(index).earlier = session.earlier;
        link_oldest(index);
    }

    /// Gives session a new expiry, and makes it the newest.
    void renew(Session& session, Time expiry) noexcept {
        session.expiry = expiry;
        const std::uint32_t index = index_of(session);
        if (index != newest_) {
            unlink(session);
            link_newest(index);
        }
    }

    void erase_oldest() noexcept {
        const std::uint32_t index = oldest_;
        Session& session = at(index);
        std::uint32_t* link = &bucket(bucket_of(session.hash));
        while (*link != index) {
            link = &at(*link).next_in_bucket;
        }
        *link = session.next_in_bucket;
        unlink(session);
        session.next_in_bucket = free_;
        free_ = index;
        --size_;
    }

  private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    /// A power of two.
    static constexpr std::uint32_t per_chunk = 32;

    Session& at(std::uint32_t index) noexcept { return sessions_[index / per_chunk][index % per_chunk]; }
    std::uint32_t& bucket(std::uint32_t number) noexcept { return directory_[number / per_chunk][number % per_chunk]; }

    /// The buckets below split_ have been split by one bit of the hash more than the others.
    std::uint32_t bucket_of(std::uint64_t hash) const noexcept {
        const auto low = static_cast<std::uint32_t>(hash);
        const std::uint32_t number = low & (round_ - 1);
        return number < split_ ? low & (2 * round_ - 1) : number;
    }

    /// The index of a new entry, which is not linked yet.
    std::uint32_t add(std::uint64_t hash, std::uint32_t worker, Time expiry) noexcept {
        if (size_ >= buckets_) {
            add_bucket();
        }
        const std::uint32_t index = free_ != none ? free_ : used_++;
        Session& session = at(index);
        if (index == free_) {
            free_ = session.next_in_bucket;
        }
        std::uint32_t& first = bucket(bucket_of(hash));
        session.hash = hash;
        session.expiry = expiry;
        session.worker = worker;
        session.earlier = no_worker;
        session.next_in_bucket = first;
        first = index;
        ++size_;
        return index;
    }

    void add_bucket() noexcept {
        if (buckets_ == 0) {
            bucket(buckets_++) = none;
            return;
        }
        const std::uint32_t from = split_;
        const std::uint32_t to = buckets_++;
        if (++split_ == round_) {
            round_ *= 2;
            split_ = 0;
        }
        std::uint32_t index = bucket(from);
        bucket(from) = none;
        bucket(to) = none;
        while (index != none) {
            Session& session = at(index);
            const std::uint32_t following = session.next_in_bucket;
            std::uint32_t& first = bucket(bucket_of(session.hash));
            session.next_in_bucket = first;
            first = index;
            index = following;
        }
    }

    /// The newest has no newer one, so a session's index is its older neighbour's link, or oldest_.
    std::uint32_t index_of(const Session& session) noexcept {
        return session.older == none ? oldest_ : at(session.older).newer;
    }

    void link_newest(std::uint32_t index) noexcept {
        Session& session = at(index);
        session.older = newest_;
        session.newer = none;
        (newest_ == none ? oldest_ : at(newest_).newer) = index;
        newest_ = index;
    }

    void link_oldest(std::uint32_t index) noexcept {
        Session& session = at(index);
        session.older = none;
        session.newer = oldest_;
        (oldest_ == none ? newest_ : at(oldest_).older) = index;
        oldest_ = index;
    }

    void unlink(const Session& session) noexcept {
        (session.older == none ? oldest_ : at(session.older).newer) = session.newer;
        (session.newer == none ? newest_ : at(session.newer).older) = session.older;
    }

    std::vector<std::unique_ptr<Session[]>> sessions_;
    std::vector<std::unique_ptr<std::uint32_t[]>> directory_;
    std::uint32_t size_ = 0;
    /// Entries ever used; those that were given back are chained from free_.
    std::uint32_t used_ = 0;
    std::uint32_t free_ = none;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    /// Linear hashing: buckets_ == round_ + split_, from one bucket on.
    std::uint32_t buckets_ = 0;
    std::uint32_t round_ = 1;
    std::uint32_t split_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SESSION_TABLE_HPP
