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
#include <dispatch/detail/sessions/session_store.hpp>
#include <dispatch/detail/sessions/session_table.hpp>
#include <dispatch/detail/sessions/siphash.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Remembers which worker each session is pinned to, for a limited time and a limited number of sessions. WorkerPool
/// uses one; it can also be used on its own.
///
/// Clients choose the names of sessions, so the map stores none. It stores a keyed hash of each (SipHash-1-3, after
/// Aumasson and Bernstein, 2012), so names of any length take the same memory, and a client who does not know the key
/// cannot choose names that collide. It compares 38 bits of two hashes, and one more for each time the map has doubled:
/// 49 where there are a million sessions, of which two collide with a chance of 1 in 1,000. Two sessions that do
/// collide share a worker, and nothing else.
///
/// Every operation is O(1). The table grows by one bucket at a time (linear hashing: Litwin, 1980), and each call drops
/// only a few expired sessions. A session takes about 48 bytes; the first thousand, some more. A lookup touches two
/// cache lines beside each other, which prefetch() has fetched before.
///
/// The caller passes the time. It may go back a little from one call to the next, as it does between threads.
///
/// @par Thread safety
/// All functions may be called concurrently. The map has 64 parts, each with a lock; no call holds two of them at a
/// time.
///
/// @tparam Clock The clock of the times that are passed. Its time points are used, its now() is not.
template <typename Clock = std::chrono::steady_clock>
class SessionMap {
  public:
    /// A time on the map's clock.
    using time_point = typename Clock::time_point;

    /// Makes an empty map with a new random key.
    ///
    /// @param ttl How long a pin lasts. Must be above 0.
    /// @param expiry Whether each lookup_or_assign() of a session extends its pin.
    /// @param max_sessions How many sessions the map remembers at most: 1 to 2^31.
    /// @param workers How many workers there are. They are numbered from 0 to `workers - 1`.
    /// @throws std::bad_alloc If there is no memory; also what `std::random_device` throws. Ranges are not checked
    ///     here: WorkerPool checks its PoolOptions.
    SessionMap(std::chrono::nanoseconds ttl, AffinityExpiry expiry, std::size_t max_sessions, std::size_t workers)
        : ttl_{ttl.count()},
          slides_{expiry == AffinityExpiry::sliding},
          max_sessions_{max_sessions},
          pinned_{std::make_unique<std::atomic<std::uint32_t>[]>(workers)} {
        for (std::atomic<Time>& next : next_expiry_) {
            next.store(never, std::memory_order_relaxed);
        }
    }

    /// Returns the worker to which session is pinned, and pins the session first if it has no pin.
    ///
    /// With AffinityExpiry::sliding, the call extends an existing pin to `now_point + ttl`. A session without a pin is
    /// pinned to the worker that choose returns. This is one atomic step: if several threads bring a new session at the
    /// same moment, choose is called once. If the map is full, the session nearest its expiry is dropped (one of the
    /// nearest, while other threads use the map).
    ///
    /// If choose returns nothing, or the call throws, all pins stay as they are. (While other threads use the map, the
    /// session that was dropped to make room may be lost.)
    ///
    /// @param session The name of the session: any text.
    /// @param now_point The current time.
    /// @param choose Returns a worker as `std::optional<std::size_t>`, or nothing to leave the session without a pin.
    ///     It may take a SessionVerdict, which is `fresh` or `expired`. It is called under a lock and must not use the
    ///     map.
    /// @return The worker, or nothing if choose returned nothing.
    /// @throws std::bad_alloc If the map cannot grow. Also throws what choose throws.
    template <typename Choose>
    std::optional<std::size_t> lookup_or_assign(std::string_view session, time_point now_point, Choose&& choose) {
        return lookup_or_assign(prefetch(session), now_point, std::forward<Choose>(choose));
    }

    /// The name of a session, hashed.
    class Key {
        friend class SessionMap;
        Key(std::uint64_t hash, detail::SessionTable::Hint hint) noexcept : hash_{hash}, hint_{hint} {}
        std::uint64_t hash_;
        detail::SessionTable::Hint hint_;
    };

    /// Returns what lookup_or_assign() takes in place of a name, and has the processor fetch what that is going to
    /// read: for a caller who has something else to do before. A key is good for ever, and taking it locks nothing.
    Key prefetch(std::string_view session) const noexcept {
        const std::uint64_t hash = detail::siphash13(key_, session);
        return Key{hash, shards_[hash >> shard_shift].table.prefetch(hash)};
    }

    /// As lookup_or_assign(session, now_point, choose), for the session that has key.
    template <typename Choose>
    std::optional<std::size_t> lookup_or_assign(const Key& key, time_point now_point, Choose&& choose) {
        return lookup_or_assign(key, now_point, std::forward<Choose>(choose), StaysAtHome{});
    }

    /// The workers of a session that has a pin.
    struct Homes {
        /// The worker to which it is pinned.
        std::size_t latest;
        /// The one to which it was pinned before, if there is one.
        std::optional<std::size_t> earlier;
    };

    /// As lookup_or_assign(session, now_point, choose), for sessions that go back and forth between two workers: where
    /// the session has a pin, prefer is called with its Homes and returns the worker to which it is pinned from now on.
    ///
    /// @param session The name of the session: any text.
    /// @param now_point The current time.
    /// @param choose As above.
    /// @param prefer Returns a worker as `std::size_t`. It is called under a lock and must neither use the map nor
    ///     throw.
    /// @return The worker, or nothing if choose returned nothing.
    template <typename Choose, typename Prefer>
    std::optional<std::size_t> lookup_or_assign(std::string_view session, time_point now_point, Choose&& choose,
                                                Prefer&& prefer) {
        return lookup_or_assign(prefetch(session), now_point, std::forward<Choose>(choose),
                                std::forward<Prefer>(prefer));
    }

    /// As lookup_or_assign(session, now_point, choose, prefer), for the session that has key.
    template <typename Choose, typename Prefer>
    std::optional<std::size_t> lookup_or_assign(const Key& key, time_point now_point, Choose&& choose,
                                                Prefer&& prefer) {
        const Time now = time(now_point);
        const std::size_t shard_index = key.hash_ >> shard_shift;
        std::size_t swept = 0;
        std::optional<std::size_t> worker;
        SessionVerdict verdict = SessionVerdict::fresh;
        {
            Shard& shard = shards_[shard_index];
            const detail::MutexLock lock{shard.mutex};
            swept = shard.next_sweep = (shard.next_sweep + 1) % shard_count;
            if (Pin* const known = shard.table.find(key.hash_, key.hint_); known != nullptr) [[likely]] {
                if (now < known->expiry) [[likely]] {
                    extend(shard.table, *known, now);
                    worker = settle(shard.table, *known, prefer);
                } else {
                    verdict = SessionVerdict::expired;
                }
            }
            drop_expired(shard_index, now);
        }
        if (!worker) [[unlikely]] {
            worker = assign(shard_index, key.hash_, now, [&] { return call(choose, verdict); }, prefer);
        }
        // Each call also drops expired sessions of another shard, as nobody may ever visit that again.
        if (expires_by(swept, now)) [[unlikely]] {
            const std::lock_guard lock{shards_[swept].mutex};
            drop_expired(swept, now);
        }
        return worker;
    }

    /// Pins session to worker, if it is remembered; the worker to which it was pinned is its earlier home from now on.
    void move(std::string_view session, std::size_t worker) {
        const std::uint64_t hash = detail::siphash13(key_, session);
        Shard& shard = shards_[hash >> shard_shift];
        const std::lock_guard lock{shard.mutex};
        if (Pin* const known = shard.table.find(hash); known != nullptr) {
            settle(shard.table, *known, [worker](const Homes& /*homes*/) { return worker; });
        }
    }

    /// Returns the worker to which session is pinned at the time now, or nothing if it has no pin. Changes nothing, not
    /// even with AffinityExpiry::sliding.
    std::optional<std::size_t> lookup(std::string_view session, time_point now) const {
        const std::uint64_t hash = detail::siphash13(key_, session);
        Shard& shard = shards_[hash >> shard_shift];
        const std::lock_guard lock{shard.mutex};
        const Pin* const known = shard.table.find(hash);
        if (known == nullptr || time(now) >= known->expiry) {
            return std::nullopt;
        }
        return known->worker;
    }

    /// Returns how many sessions the map remembers, including those that have expired and are not dropped yet. An
    /// estimate while other threads use the map.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    /// Returns how many sessions the map remembers at most.
    std::size_t max_sessions() const noexcept { return max_sessions_; }

    /// Returns how many of the remembered sessions are pinned to worker, which must be one of the map's workers. An
    /// estimate while other threads use the map.
    std::size_t sessions(std::size_t worker) const noexcept { return pinned_[worker].load(std::memory_order_relaxed); }

  private:
    using Table = detail::SessionTable;
    using Pin = detail::SessionPin;
    using Session = Table::Session;
    using Time = Table::Time;

    static constexpr std::size_t shard_bits = 6;
    static constexpr std::size_t shard_shift = 64 - shard_bits;
    static constexpr std::size_t shard_count = std::size_t{1} << shard_bits;
    static_assert(shard_count == detail::SessionStore::tables && shard_shift == Table::number_shift);
    static constexpr Time never = std::numeric_limits<Time>::max();
    /// How many expired sessions one call drops at most in its session's shard, and as many in the shard that it
    /// sweeps.
    static constexpr int drops_per_call = 2;

    struct alignas(detail::cache_line) Shard {
        Shard(detail::SessionStore& store, std::size_t index) noexcept
            : table{store, static_cast<std::uint32_t>(index)} {}

        detail::Mutex mutex;
        /// The other shard in which the next call for this shard drops expired sessions.
        std::uint32_t next_sweep = 0;
        Table table;
    };

    using Shards = std::array<Shard, shard_count>;

    template <std::size_t... index>
    static Shards make_shards(detail::SessionStore& store, std::index_sequence<index...> /*all*/) noexcept {
        return {Shard{store, index}...};
    }

    /// The session that was dropped to make room, if any. (Not a std::optional: GCC 12 warns that it is uninitialized.)
    struct Evicted {
        bool any = false;
        Session session{};
    };

    /// A place in the map for one more session, and the session from which it was taken. The destructor gives an unused
    /// place back. It locks a shard for that, so the caller must not hold a lock then.
    class Reservation {
      public:
        explicit Reservation(SessionMap& map) noexcept : map_{map} {}
        Reservation(const Reservation&) = delete;
        Reservation& operator=(const Reservation&) = delete;
        ~Reservation() {
            if (held_) [[unlikely]] {
                map_.give_back(evicted_);
            }
        }

        bool take_free() noexcept { return held_ || (held_ = map_.reserve_free()); }
        void take_oldest(std::uint64_t hash) noexcept { held_ = map_.evict_oldest(hash, evicted_); }
        void fill() noexcept { held_ = false; }

      private:
        SessionMap& map_;
        bool held_ = false;
        Evicted evicted_;
    };

    /// Returns point in nanoseconds, limited to the range of Time: a clock of seconds reaches further. Always less than
    /// never.
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

    /// For maps in which a session has one home.
    struct StaysAtHome {};

    /// Called under the shard's lock.
    template <typename Prefer>
    std::size_t settle(const Table& table, Pin& pin, Prefer&& prefer) noexcept {
        if constexpr (!std::is_same_v<std::decay_t<Prefer>, StaysAtHome>) {
            std::uint32_t& earlier = table.earlier(pin);
            const std::size_t worker =
                prefer(Homes{pin.worker, earlier == Table::none ? std::nullopt : std::optional<std::size_t>{earlier}});
            if (worker != pin.worker) {
                pinned_[pin.worker].fetch_sub(1, std::memory_order_relaxed);
                pinned_[worker].fetch_add(1, std::memory_order_relaxed);
                earlier = std::exchange(pin.worker, static_cast<std::uint32_t>(worker));
            }
        } else {
            static_cast<void>(prefer);
        }
        return pin.worker;
    }

    template <typename Choose>
    static std::optional<std::size_t> call(Choose& choose, SessionVerdict verdict) {
        if constexpr (std::is_invocable_v<Choose&, SessionVerdict>) {
            return choose(verdict);
        } else {
            return choose();
        }
    }

    /// Always less than never, which stands for an empty shard.
    Time expiry_after(Time now) const noexcept { return now >= never - ttl_ ? never - 1 : now + ttl_; }

    /// Pins a session that had no pin when the caller looked. Another thread may have pinned it since.
    template <typename Choose, typename Prefer>
    [[gnu::noinline]] std::optional<std::size_t> assign(std::size_t shard_index, std::uint64_t hash, Time now,
                                                        const Choose& choose, Prefer& prefer) {
        Shard& shard = shards_[shard_index];
        for (Reservation reservation{*this};; reservation.take_oldest(hash)) {
            const std::lock_guard lock{shard.mutex};
            if (Pin* const known = shard.table.find(hash); known != nullptr) {
                if (now >= known->expiry) {
                    return repin(shard_index, *known, now, choose);
                }
                extend(shard.table, *known, now);
                return settle(shard.table, *known, prefer);
            }
            shard.table.prepare_insert(hash);
            if (reservation.take_free()) {
                const std::optional<std::size_t> worker = choose();
                if (worker) {
                    shard.table.insert({hash, expiry_after(now), static_cast<std::uint32_t>(*worker), Table::none});
                    reservation.fill();
                    pinned_[*worker].fetch_add(1, std::memory_order_relaxed);
                    publish(shard_index);
                }
                return worker;
            }
        }
    }

    /// Called under the shard's lock. The expired pin does not count as a session of its worker while choose() runs.
    template <typename Choose>
    std::optional<std::size_t> repin(std::size_t shard_index, Pin& pin, Time now, const Choose& choose) {
        pinned_[pin.worker].fetch_sub(1, std::memory_order_relaxed);
        std::optional<std::size_t> worker;
        try {
            worker = choose();
        } catch (...) {
            pinned_[pin.worker].fetch_add(1, std::memory_order_relaxed);
            throw;
        }
        if (worker) {
            Table& table = shards_[shard_index].table;
            pin.worker = static_cast<std::uint32_t>(*worker);
            table.earlier(pin) = Table::none;
            table.renew(pin, expiry_after(now));
            publish(shard_index);
        }
        pinned_[pin.worker].fetch_add(1, std::memory_order_relaxed);
        return worker;
    }

    bool expires_by(std::size_t shard_index, Time now) const noexcept {
        return next_expiry_[shard_index].load(std::memory_order_relaxed) <= now;
    }

    // The caller of the functions below holds the lock of the shard shard_index.

    /// Extends a sliding pin. Never shortens it, even if the time of this thread is behind that of another. Does not
    /// publish(): what is published then is too early, if anything, and whoever acts on it looks again.
    void extend(Table& table, Pin& pin, Time now) noexcept {
        if (slides_) {
            table.renew(pin, std::max(pin.expiry, expiry_after(now)));
        }
    }

    void publish(std::size_t shard_index) noexcept {
        Table& table = shards_[shard_index].table;
        const Time next = table.empty() ? never : table.oldest().expiry;
        if (next_expiry_[shard_index].load(std::memory_order_relaxed) != next) {
            next_expiry_[shard_index].store(next, std::memory_order_relaxed);
        }
    }

    void drop_expired(std::size_t shard_index, Time now) noexcept {
        if (expires_by(shard_index, now)) [[unlikely]] {
            drop_expired_now(shard_index, now);
        }
    }

    [[gnu::noinline]] void drop_expired_now(std::size_t shard_index, Time now) noexcept {
        publish(shard_index);
        for (int drop = 0; drop != drops_per_call && expires_by(shard_index, now); ++drop) {
            drop_oldest(shard_index);
            size_.fetch_sub(1, std::memory_order_relaxed);
        }
    }

    void drop_oldest(std::size_t shard_index) noexcept {
        Table& table = shards_[shard_index].table;
        pinned_[table.oldest().worker].fetch_sub(1, std::memory_order_relaxed);
        table.erase_oldest();
        publish(shard_index);
    }

    // The functions below take the locks that they need, so their caller holds none. reserve_free() needs none.

    bool reserve_free() noexcept {
        std::size_t seen = size_.load(std::memory_order_relaxed);
        while (seen < max_sessions_) {
            if (size_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    /// Drops the session nearest its expiry and takes its place. Returns false if other threads have taken all places
    /// and not filled them yet, or if that session is hash itself, because another thread has just pinned it.
    bool evict_oldest(std::uint64_t hash, Evicted& evicted) noexcept {
        for (std::size_t look = 0;; ++look) {
            const auto nearest = std::min_element(
                next_expiry_.begin(), next_expiry_.end(), [](const std::atomic<Time>& a, const std::atomic<Time>& b) {
                    return a.load(std::memory_order_relaxed) < b.load(std::memory_order_relaxed);
                });
            const auto shard_index = static_cast<std::size_t>(nearest - next_expiry_.begin());
            const std::lock_guard lock{shards_[shard_index].mutex};
            Table& table = shards_[shard_index].table;
            if (table.empty()) {
                break;
            }
            const Session oldest = table.oldest();
            if (look != shard_count && oldest.expiry != nearest->load(std::memory_order_relaxed)) {
                publish(shard_index);  // its pin has been extended, so that another one may be the nearest
                continue;
            }
            if (oldest.hash == hash) {
                return false;
            }
            evicted = {true, oldest};
            drop_oldest(shard_index);
            return true;
        }
        std::this_thread::yield();
        return reserve_free();
    }

    /// Undoes reserve_free() or evict_oldest().
    void give_back(const Evicted& evicted) noexcept {
        if (evicted.any) {
            const Session& session = evicted.session;
            const std::size_t shard_index = session.hash >> shard_shift;
            Table& table = shards_[shard_index].table;
            const std::lock_guard lock{shards_[shard_index].mutex};
            if (table.can_insert(session.hash) && table.find(session.hash) == nullptr) {
                table.insert_oldest(session);
                pinned_[session.worker].fetch_add(1, std::memory_order_relaxed);
                publish(shard_index);
                return;
            }
        }
        size_.fetch_sub(1, std::memory_order_relaxed);
    }

    const detail::HashKey key_ = detail::HashKeySource<Clock>::draw();
    const Time ttl_;
    const bool slides_;
    const std::size_t max_sessions_;
    detail::SessionStore store_;
    mutable Shards shards_ = make_shards(store_, std::make_index_sequence<shard_count>{});
    /// When the oldest session of each shard expires. Written under the shard's lock, and also read without it. Kept
    /// apart from the shards, so that reading it does not take the cache line of a shard's lock.
    alignas(detail::cache_line) std::array<std::atomic<Time>, shard_count> next_expiry_;
    const std::unique_ptr<std::atomic<std::uint32_t>[]> pinned_;
    alignas(detail::cache_line) std::atomic<std::size_t> size_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_AFFINITY_HPP
