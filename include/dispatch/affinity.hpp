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
#include <utility>

#include <dispatch/detail/config.hpp>
#include <dispatch/detail/mutex.hpp>
#include <dispatch/detail/session_table.hpp>
#include <dispatch/detail/siphash.hpp>
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
    using time_point = typename Clock::time_point;

    /// ttl: how long a pin lasts, above 0. At most max_sessions are remembered; workers are numbered
    /// from 0 to workers - 1.
    SessionMap(std::chrono::nanoseconds ttl, AffinityExpiry expiry, std::size_t max_sessions, std::size_t workers)
        : ttl_{ttl.count()},
          slides_{expiry == AffinityExpiry::sliding},
          max_sessions_{max_sessions},
          pinned_{std::make_unique<std::atomic<std::uint32_t>[]>(workers)} {}

    /// The worker that session is pinned to at now; with sliding expiry the pin begins anew. A session
    /// without a pin is pinned to what choose() returns. One atomic step: of several threads that come
    /// with a new session at the same time, one chooses.
    ///
    /// When the map is full, the session nearest its expiry makes room (with other threads at work, one
    /// of the nearest). choose runs under a lock, and must not use the map. Where it or an allocation
    /// throws, session is not pinned.
    template <typename Choose>
    std::size_t lookup_or_assign(std::string_view session, time_point now_point, Choose&& choose) {
        const std::uint64_t hash = detail::siphash13(key_, session);
        const Time now = time(now_point);
        Shard& shard = shards_[hash >> shard_shift];
        for (bool has_room = false;; has_room = take_oldest_place()) {
            const std::lock_guard lock{shard.mutex};
            if (Session* const known = shard.table.find(hash); known != nullptr) {
                if (has_room) {
                    size_.fetch_sub(1, std::memory_order_relaxed);
                }
                if (now < known->expiry) {
                    if (slides_) {
                        shard.table.renew(*known, expiry_after(now));
                        shard.publish();
                    }
                } else {
                    repin(shard, *known, static_cast<std::uint32_t>(choose()), now);
                }
                const std::size_t worker = known->worker;
                drop_expired(shard, now);
                return worker;
            }
            drop_expired(shard, now);
            if (has_room || take_free_place()) {
                return pin(shard, hash, now, choose);
            }
        }
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
    std::size_t max_sessions() const noexcept { return max_sessions_; }

    /// Those of them that are pinned to worker.
    std::size_t sessions(std::size_t worker) const noexcept { return pinned_[worker].load(std::memory_order_relaxed); }

  private:
    using Table = detail::SessionTable;
    using Session = Table::Session;
    using Time = Table::Time;

    static constexpr std::size_t shard_bits = 6;
    static constexpr std::size_t shard_shift = 64 - shard_bits;
    static constexpr Time never = std::numeric_limits<Time>::max();
    /// Expired sessions that one call lets go of.
    static constexpr int drops_per_call = 2;

    struct alignas(detail::cache_line) Shard {
        detail::Mutex mutex;
        /// When the oldest session expires. Written under the lock, read also without.
        std::atomic<Time> next_expiry{never};
        Table table;

        void publish() noexcept {
            next_expiry.store(table.empty() ? never : table.oldest().expiry, std::memory_order_relaxed);
        }
    };

    static Time time(time_point point) noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(point.time_since_epoch()).count();
    }

    /// Before never, which only an empty shard has.
    Time expiry_after(Time now) const noexcept { return now >= never - ttl_ ? never - 1 : now + ttl_; }

    /// Under the shard's lock, with a place taken for the session.
    template <typename Choose>
    std::size_t pin(Shard& shard, std::uint64_t hash, Time now, Choose&& choose) {
        try {
            shard.table.prepare_insert();
            const std::size_t worker = choose();
            shard.table.insert(hash, static_cast<std::uint32_t>(worker), expiry_after(now));
            shard.publish();
            pinned_[worker].fetch_add(1, std::memory_order_relaxed);
            return worker;
        } catch (...) {
            size_.fetch_sub(1, std::memory_order_relaxed);
            throw;
        }
    }

    void repin(Shard& shard, Session& session, std::uint32_t worker, Time now) noexcept {
        pinned_[session.worker].fetch_sub(1, std::memory_order_relaxed);
        pinned_[worker].fetch_add(1, std::memory_order_relaxed);
        session.worker = worker;
        shard.table.renew(session, expiry_after(now));
        shard.publish();
    }

    void drop_expired(Shard& shard, Time now) noexcept {
        for (int drop = 0; drop != drops_per_call && shard.next_expiry.load(std::memory_order_relaxed) <= now; ++drop) {
            drop_oldest(shard);
            size_.fetch_sub(1, std::memory_order_relaxed);
        }
    }

    void drop_oldest(Shard& shard) noexcept {
        pinned_[shard.table.oldest().worker].fetch_sub(1, std::memory_order_relaxed);
        shard.table.erase_oldest();
        shard.publish();
    }

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
    /// every place, and not filled it yet.
    bool take_oldest_place() noexcept {
        Shard& shard = *std::min_element(shards_.begin(), shards_.end(), [](const Shard& a, const Shard& b) {
            return a.next_expiry.load(std::memory_order_relaxed) < b.next_expiry.load(std::memory_order_relaxed);
        });
        {
            const std::lock_guard lock{shard.mutex};
            if (!shard.table.empty()) {
                drop_oldest(shard);
                return true;
            }
        }
        std::this_thread::yield();
        return take_free_place();
    }

    const detail::HashKey key_ = detail::random_hash_key();
    const Time ttl_;
    const bool slides_;
    const std::size_t max_sessions_;
    mutable std::array<Shard, std::size_t{1} << shard_bits> shards_;
    const std::unique_ptr<std::atomic<std::uint32_t>[]> pinned_;
    alignas(detail::cache_line) std::atomic<std::size_t> size_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_AFFINITY_HPP
