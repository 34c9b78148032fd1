// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_AFFINITY_HPP
#define DISPATCH_AFFINITY_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/sessions/session_table.hpp>
#include <dispatch/detail/sessions/siphash.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Which worker a session is pinned to, for a bounded time and a bounded number of sessions.
///
/// Session names are whatever a client sends, so none is kept: an entry is 64 bits of a keyed hash,
/// whatever the name's length, and nobody can aim at its collisions. Two sessions that do collide share
/// a worker, and nothing else.
///
/// Time is an argument. It may go back a little from one thread to the next. Thread-safe: one lock for
/// each of 64 parts of the map, and never two at a time. Every operation is O(1): the table grows bucket
/// by bucket, and each call lets go of a few expired sessions at the most.
template <typename Clock = std::chrono::steady_clock>
class SessionMap {
  public:
    /// When something happens, on the map's clock.
    using time_point = typename Clock::time_point;

    /// ttl: how long a pin lasts, above 0. At most max_sessions are remembered; workers are numbered
    /// from 0 to workers - 1.
    SessionMap(std::chrono::nanoseconds ttl, AffinityExpiry expiry, std::size_t max_sessions, std::size_t workers)
        : ttl_{ttl.count()},
          slides_{expiry == AffinityExpiry::sliding},
          max_sessions_{max_sessions},
          pinned_{std::make_unique<std::atomic<std::uint32_t>[]>(workers)} {
        for (std::atomic<Time>& next : next_expiry_) {
            next.store(never, std::memory_order_relaxed);
        }
    }

    /// The worker that session is pinned to at now; with sliding expiry the pin begins anew. A session
    /// without a pin is pinned to the worker that choose() returns, if it returns one. One atomic step: of
    /// several threads that come with a new session at the same time, one chooses.
    ///
    /// When the map is full, the session nearest its expiry makes room (with other threads at work, one
    /// of the nearest). choose may take a SessionVerdict, which is fresh or expired. It runs under a lock, and must
    /// not use the map. Where it returns no worker, or
    /// it or an allocation throws, nothing has changed (with other threads at work, who made room may be
    /// gone).
    template <typename Choose>
    std::optional<std::size_t> lookup_or_assign(std::string_view session, time_point now_point, Choose&& choose) {
        const std::uint64_t hash = detail::siphash13(key_, session);
        const Time now = time(now_point);
        const std::size_t home = hash >> shard_shift;
        std::size_t patrolled = 0;
        std::optional<std::size_t> worker;
        SessionVerdict verdict = SessionVerdict::fresh;
        {
            Shard& shard = shards_[home];
            const std::lock_guard lock{shard.mutex};
            patrolled = shard.patrol = (shard.patrol + 1) % shard_count;
            if (Session* const known = shard.table.find(hash); known != nullptr) [[likely]] {
                if (now < known->expiry) [[likely]] {
                    slide(home, *known, now);
                    worker = known->worker;
                } else {
                    verdict = SessionVerdict::expired;
                }
            }
            drop_expired(home, now);
        }
        if (!worker) [[unlikely]] {
            worker = assign(home, hash, now, [&] { return call(choose, verdict); });
        }
        // A shard that nobody comes to must not remember its sessions for good.
        if (expires_by(patrolled, now)) [[unlikely]] {
            const std::lock_guard lock{shards_[patrolled].mutex};
            drop_expired(patrolled, now);
        }
        return worker;
    }

    /// The worker that session is pinned to at now, if any. Changes nothing.
    std::optional<std::size_t> lookup(std::string_view session, time_point now) const {
        const std::uint64_t hash = detail::siphash13(key_, session);
        Shard& shard = shards_[hash >> shard_shift];
        const std::lock_guard lock{shard.mutex};
        const Session* const known = shard.table.find(hash);
        if (known == nullptr || time(now) >= known->expiry) {
            return std::nullopt;
        }
        return known->worker;
    }

    /// Sessions that are remembered: an estimate, and with those that have expired and not yet gone.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    /// How many it remembers at the most.
    std::size_t max_sessions() const noexcept { return max_sessions_; }

    /// Those of them that are pinned to worker.
    std::size_t sessions(std::size_t worker) const noexcept { return pinned_[worker].load(std::memory_order_relaxed); }

  private:
    using Table = detail::SessionTable;
    using Session = Table::Session;
    using Time = Table::Time;

    static constexpr std::size_t shard_bits = 6;
    static constexpr std::size_t shard_shift = 64 - shard_bits;
    static constexpr std::size_t shard_count = std::size_t{1} << shard_bits;
    static constexpr Time never = std::numeric_limits<Time>::max();
    /// Expired sessions that one call lets go of in its session's shard, and in the one that it patrols.
    static constexpr int drops_per_call = 2;

    struct alignas(detail::cache_line) Shard {
        detail::Mutex mutex;
        /// The shard that its next visitor looks after.
        std::uint32_t patrol = 0;
        Table table;
    };

    /// The session that had to make room, if one had. (Not an optional: GCC 12 takes that for uninitialized.)
    struct Evicted {
        bool any = false;
        Session session{};
    };

    /// A place in the map, for one session more, and whom it was taken from. The destructor gives it back
    /// and locks a shard for that, so a lock of one's own must have gone before.
    class Place {
      public:
        explicit Place(SessionMap& map) noexcept : map_{map} {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() {
            if (held_) [[unlikely]] {
                map_.give_back(evicted_);
            }
        }

        bool take_free() noexcept { return held_ || (held_ = map_.take_free_place()); }
        void take_oldest(std::uint64_t hash) noexcept { held_ = map_.evict_oldest(hash, evicted_); }
        void fill() noexcept { held_ = false; }

      private:
        SessionMap& map_;
        bool held_ = false;
        Evicted evicted_;
    };

    /// In nanoseconds, as far as they reach: a clock of seconds goes on for longer. Before never at any rate.
    static Time time(time_point point) noexcept {
        using Nanoseconds = std::chrono::duration<Time, std::nano>;
        constexpr auto coarse = [](Time nanoseconds) {
            return std::chrono::duration_cast<typename Clock::duration>(Nanoseconds{nanoseconds});
        };
        const typename Clock::duration since_epoch = point.time_since_epoch();
        if (since_epoch >= coarse(never)) [[unlikely]] {
            return never - 1;
        }
        if (since_epoch <= coarse(std::numeric_limits<Time>::min())) [[unlikely]] {
            return std::numeric_limits<Time>::min();
        }
        return std::chrono::duration_cast<Nanoseconds>(since_epoch).count();
    }

    template <typename Choose>
    static std::optional<std::size_t> call(Choose& choose, SessionVerdict verdict) {
        if constexpr (std::is_invocable_v<Choose&, SessionVerdict>) {
            return choose(verdict);
        } else {
            return choose();
        }
    }

    /// Before never, which only an empty shard has.
    Time expiry_after(Time now) const noexcept { return now >= never - ttl_ ? never - 1 : now + ttl_; }

    /// What lookup_or_assign() does for a session that has no pin, unless it got one meanwhile.
    template <typename Choose>
    [[gnu::noinline]] std::optional<std::size_t> assign(std::size_t home, std::uint64_t hash, Time now,
                                                        const Choose& choose) {
        Shard& shard = shards_[home];
        for (Place place{*this};; place.take_oldest(hash)) {
            const std::lock_guard lock{shard.mutex};
            if (Session* const known = shard.table.find(hash); known != nullptr) {
                if (now >= known->expiry) {
                    return repin(home, *known, now, choose);
                }
                slide(home, *known, now);
                return known->worker;
            }
            shard.table.prepare_insert();
            if (place.take_free()) {
                const std::optional<std::size_t> worker = choose();
                if (worker) {
                    shard.table.insert(hash, static_cast<std::uint32_t>(*worker), expiry_after(now));
                    place.fill();
                    pinned_[*worker].fetch_add(1, std::memory_order_relaxed);
                    publish(home);
                }
                return worker;
            }
        }
    }

    /// Under the shard's lock. A pin that has ended does not count in the choice of the next.
    template <typename Choose>
    std::optional<std::size_t> repin(std::size_t home, Session& session, Time now, const Choose& choose) {
        pinned_[session.worker].fetch_sub(1, std::memory_order_relaxed);
        std::optional<std::size_t> worker;
        try {
            worker = choose();
        } catch (...) {
            pinned_[session.worker].fetch_add(1, std::memory_order_relaxed);
            throw;
        }
        if (worker) {
            session.worker = static_cast<std::uint32_t>(*worker);
            shards_[home].table.renew(session, expiry_after(now));
            publish(home);
        }
        pinned_[session.worker].fetch_add(1, std::memory_order_relaxed);
        return worker;
    }

    bool expires_by(std::size_t home, Time now) const noexcept {
        return next_expiry_[home].load(std::memory_order_relaxed) <= now;
    }

    // The functions below are for who holds the lock of the shard, home.

    /// A thread whose time is a little behind does not shorten the pin.
    void slide(std::size_t home, Session& session, Time now) noexcept {
        if (slides_) {
            shards_[home].table.renew(session, std::max(session.expiry, expiry_after(now)));
            publish(home);
        }
    }

    void publish(std::size_t home) noexcept {
        Table& table = shards_[home].table;
        const Time next = table.empty() ? never : table.oldest().expiry;
        if (next_expiry_[home].load(std::memory_order_relaxed) != next) {
            next_expiry_[home].store(next, std::memory_order_relaxed);
        }
    }

    void drop_expired(std::size_t home, Time now) noexcept {
        for (int drop = 0; drop != drops_per_call && expires_by(home, now); ++drop) {
            drop_oldest(home);
            size_.fetch_sub(1, std::memory_order_relaxed);
        }
    }

    [[gnu::noinline]] void drop_oldest(std::size_t home) noexcept {
        Table& table = shards_[home].table;
        pinned_[table.oldest().worker].fetch_sub(1, std::memory_order_relaxed);
        table.erase_oldest();
        publish(home);
    }

    // The functions below take locks themselves, or need none.

    bool take_free_place() noexcept {
        std::size_t seen = size_.load(std::memory_order_relaxed);
        while (seen < max_sessions_) {
            if (size_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    /// Evicts the session nearest its expiry, and takes its place. False when other threads have taken
    /// every place and not filled it yet, or when it is hash itself: another thread has just pinned it.
    bool evict_oldest(std::uint64_t hash, Evicted& evicted) noexcept {
        const auto nearest = std::min_element(
            next_expiry_.begin(), next_expiry_.end(), [](const std::atomic<Time>& a, const std::atomic<Time>& b) {
                return a.load(std::memory_order_relaxed) < b.load(std::memory_order_relaxed);
            });
        const auto home = static_cast<std::size_t>(nearest - next_expiry_.begin());
        {
            const std::lock_guard lock{shards_[home].mutex};
            Table& table = shards_[home].table;
            if (!table.empty()) {
                if (table.oldest().hash == hash) {
                    return false;
                }
                evicted = {true, table.oldest()};
                drop_oldest(home);
                return true;
            }
        }
        std::this_thread::yield();
        return take_free_place();
    }

    /// Undoes take_free_place() or evict_oldest().
    void give_back(const Evicted& evicted) noexcept {
        if (evicted.any) {
            const Session& session = evicted.session;
            const std::size_t home = session.hash >> shard_shift;
            Table& table = shards_[home].table;
            const std::lock_guard lock{shards_[home].mutex};
            if (table.can_insert() && table.find(session.hash) == nullptr) {
                table.insert_oldest(session.hash, session.worker, session.expiry);
                pinned_[session.worker].fetch_add(1, std::memory_order_relaxed);
                publish(home);
                return;
            }
        }
        size_.fetch_sub(1, std::memory_order_relaxed);
    }

    const detail::HashKey key_ = detail::HashKeySource<Clock>::draw();
    const Time ttl_;
    const bool slides_;
    const std::size_t max_sessions_;
    mutable std::array<Shard, shard_count> shards_;
    /// When each shard's oldest session expires. Written under its lock, read also without; apart from
    /// the shards, so that a look at another one does not take the cache line of its lock.
    alignas(detail::cache_line) std::array<std::atomic<Time>, shard_count> next_expiry_;
    const std::unique_ptr<std::atomic<std::uint32_t>[]> pinned_;
    alignas(detail::cache_line) std::atomic<std::size_t> size_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_AFFINITY_HPP
