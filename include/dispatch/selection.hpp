// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SELECTION_HPP
#define DISPATCH_SELECTION_HPP

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/thread_shard.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// A worker, and the load that it was seen to have. The pool counts the job there only if the load is
/// still the same, and asks again otherwise.
struct Choice {
    /// Its number, from 0 to size() - 1.
    std::size_t worker;
    /// What LoadView::load(worker) returned.
    std::uint32_t load;
};

/// What a worker is chosen for.
enum class Purpose : std::uint8_t {
    job,          ///< one job
    new_session,  ///< a session's first job, and those that follow while its pin lasts
};

/// What a policy sees of a pool: size() workers (at least one), each with its load (in flight, queued and
/// waiting together) and the sessions pinned to it. Figures of some moment: other threads go on meanwhile.
template <typename V>
concept LoadView = requires(const V& view, std::size_t worker) {
    { view.size() } noexcept -> std::convertible_to<std::size_t>;
    { view.load(worker) } noexcept -> std::convertible_to<std::uint32_t>;
    { view.sessions(worker) } noexcept -> std::convertible_to<std::size_t>;
};

namespace detail {

/// A view to check policies with.
struct ArchetypeView {
    std::size_t size() const noexcept;
    std::uint32_t load(std::size_t worker) const noexcept;
    std::size_t sessions(std::size_t worker) const noexcept;
};

/// A position that threads share loosely: a lost update only makes two of them start at the same place.
class Cursor {
  public:
    Cursor() = default;
    Cursor(const Cursor& other) noexcept : position_{other.get()} {}
    Cursor& operator=(const Cursor& other) noexcept {
        set(other.get());
        return *this;
    }

    std::size_t get() const noexcept { return position_.load(std::memory_order_relaxed); }
    void set(std::size_t position) noexcept { position_.store(position, std::memory_order_relaxed); }

  private:
    std::atomic<std::size_t> position_{0};
};

/// A position for each thread, or few of them: one for all would go from processor to processor with each pick.
class ThreadCursors {
  public:
    /// That of this thread.
    Cursor& here() noexcept { return cursors_[ThreadShard::index()]; }

  private:
    struct alignas(cache_line) Padded : Cursor {};
    std::array<Padded, shards> cursors_;
};

}  // namespace detail

/// Chooses a worker. pick() is called by many threads at once, must not throw, and returns the load
/// with which it saw the worker.
template <typename P>
concept SelectionPolicy = std::movable<P> && requires(P& policy, const detail::ArchetypeView& view, Purpose purpose) {
    { policy.pick(view, purpose) } noexcept -> std::same_as<Choice>;
};

/// The worker with the least load, exactly. Among equals the picks of a thread rotate; a new session goes to
/// the one of them with the fewest sessions. O(workers).
class LeastLoaded {
  public:
    /// The worker for one job, or for a session; see SelectionPolicy. Thread-safe.
    template <LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        const std::size_t size = view.size();
        detail::Cursor& last = last_.here();
        const std::size_t start = next(last.get(), size);
        Choice best{start, view.load(start)};
        if (purpose == Purpose::job) {
            // Nothing is less than 0: an idle worker ends the search.
            scan(start + 1, size, view, best);
            scan(0, start, view, best);
        } else {
            std::size_t fewest = view.sessions(start);
            for (std::size_t worker = next(start, size); worker != start; worker = next(worker, size)) {
                const std::uint32_t load = view.load(worker);
                if (load > best.load) {
                    continue;
                }
                const std::size_t sessions = view.sessions(worker);
                if (load < best.load || sessions < fewest) {
                    best = {worker, load};
                    fewest = sessions;
                }
            }
        }
        last.set(best.worker);
        return best;
    }

  private:
    static std::size_t next(std::size_t worker, std::size_t size) noexcept {
        return worker + 1 < size ? worker + 1 : 0;
    }

    template <LoadView V>
    static void scan(std::size_t from, std::size_t to, const V& view, Choice& best) noexcept {
        if (best.load == 0) {
            return;
        }
        for (std::size_t worker = from; worker < to; ++worker) {
            if (const std::uint32_t load = view.load(worker); load < best.load) {
                best = {worker, load};
                if (load == 0) {
                    return;
                }
            }
        }
    }

    detail::ThreadCursors last_;
};

/// One worker after the other, whatever their load. O(1). (A full worker is passed over as long as
/// another one has a place: the pool sees to that for every policy.)
class RoundRobin {
  public:
    /// The next worker; see SelectionPolicy. Thread-safe.
    template <LoadView V>
    Choice pick(const V& view, Purpose /*purpose*/) noexcept {
        const std::size_t next = last_.get() + 1;
        const std::size_t worker = next < view.size() ? next : 0;
        last_.set(worker);
        return {worker, view.load(worker)};
    }

  private:
    detail::Cursor last_;
};

/// The less loaded of two different workers drawn at random; a new session goes, if they are equal, to
/// the one with fewer sessions. O(1), and nearly as even as the least loaded of all (Mitzenmacher, "The
/// Power of Two Choices in Randomized Load Balancing", 2001).
class PowerOfTwoChoices {
  public:
    /// Pools with the same seed draw the same workers in the same order.
    explicit PowerOfTwoChoices(std::uint64_t seed = 0x853c49e6748fea9bULL) noexcept : state_{seed} {}
    /// Goes on drawing where other is now.
    PowerOfTwoChoices(const PowerOfTwoChoices& other) noexcept : state_{other.state_.load(std::memory_order_relaxed)} {}
    /// The same.
    PowerOfTwoChoices& operator=(const PowerOfTwoChoices& other) noexcept {
        state_.store(other.state_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }

    /// The worker for one job, or for a session; see SelectionPolicy. Thread-safe.
    template <LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        const auto size = static_cast<std::uint32_t>(view.size());
        if (size == 1) {
            return {0, view.load(0)};
        }
        const std::uint64_t random = draw();
        const std::uint32_t one = below(static_cast<std::uint32_t>(random), size);
        const std::uint32_t step = 1 + below(static_cast<std::uint32_t>(random >> 32), size - 1);
        const std::uint32_t other = (one + step) % size;
        const Choice a{one, view.load(one)};
        const Choice b{other, view.load(other)};
        if (a.load != b.load) {
            return a.load < b.load ? a : b;
        }
        return purpose == Purpose::new_session && view.sessions(other) < view.sessions(one) ? b : a;
    }

  private:
    /// SplitMix64 (Steele, Lea and Flood, 2014): a counter, and a mix of its bits.
    std::uint64_t draw() noexcept {
        std::uint64_t z = state_.fetch_add(0x9e3779b97f4a7c15ULL, std::memory_order_relaxed);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    /// random, scaled to 0 ... limit - 1.
    static std::uint32_t below(std::uint32_t random, std::uint32_t limit) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{random} * limit) >> 32);
    }

    std::atomic<std::uint64_t> state_;
};

static_assert(SelectionPolicy<LeastLoaded> && SelectionPolicy<RoundRobin> && SelectionPolicy<PowerOfTwoChoices>);

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SELECTION_HPP
