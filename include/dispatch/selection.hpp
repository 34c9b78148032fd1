// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SELECTION_HPP
#define DISPATCH_SELECTION_HPP

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/splitmix64.hpp>
#include <dispatch/detail/base/thread_shard.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// The worker that a policy chose, and the load that the policy saw there. If the worker's load has changed by the time
/// the pool counts the job, the pool asks the policy again.
struct Choice {
    /// The worker's number, from 0 to `view.size() - 1`.
    std::size_t worker;
    /// What `view.load(worker)` returned.
    std::uint32_t load;
};

/// What a worker is chosen for.
enum class Purpose : std::uint8_t {
    job,          ///< one job: it has no session, or affinity is off
    new_session,  ///< the first job of a session, and its later jobs while the session's pin lasts
};

/// What a policy sees of a pool. `size()` returns the number of workers (at least 1), `load(worker)` the jobs of a
/// worker (in flight, queued and waiting), and `sessions(worker)` the sessions pinned to it. While other threads use
/// the pool, loads and sessions are estimates.
template <typename V>
concept LoadView = requires(const V& view, std::size_t worker) {
    { view.size() } noexcept -> std::convertible_to<std::size_t>;
    { view.load(worker) } noexcept -> std::convertible_to<std::uint32_t>;
    { view.sessions(worker) } noexcept -> std::convertible_to<std::size_t>;
};

namespace detail {

/// The view with which the concept SelectionPolicy checks policies.
struct ArchetypeView {
    std::size_t size() const noexcept;
    std::uint32_t load(std::size_t worker) const noexcept;
    std::size_t sessions(std::size_t worker) const noexcept;
};

/// A position that threads share without synchronization: if an update is lost, two of them start at the same position.
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

/// A position for each thread. (Threads share one if there are more than `shards`.) With a single position for all, its
/// cache line would move from processor to processor with each pick.
class ThreadCursors {
  public:
    /// Returns the position of the calling thread.
    Cursor& here() noexcept { return cursors_[ThreadShard::index()]; }

  private:
    struct alignas(cache_line) Padded : Cursor {};
    std::array<Padded, shards> cursors_;
};

}  // namespace detail

/// What chooses the worker for a job: the template parameter Policy of WorkerPool.
///
/// The pool calls `pick(view, purpose)` for each job that has no pinned worker, from many threads at once. pick() must
/// not throw or use the pool. It returns the number of a worker, from 0 to `view.size() - 1`, and the load that view
/// showed for that worker. If the worker is full, the pool takes the least loaded worker that has a place, if there is
/// one.
template <typename P>
concept SelectionPolicy = std::movable<P> && requires(P& policy, const detail::ArchetypeView& view, Purpose purpose) {
    { policy.pick(view, purpose) } noexcept -> std::same_as<Choice>;
};

/// Chooses the worker with the least load of all. Among equally loaded workers, a new session goes to the one with the
/// fewest sessions, and picks that are still equal rotate in each thread. O(workers); for a job without a session the
/// search ends at the first idle worker.
class LeastLoaded {
  public:
    /// Returns the least loaded worker; see SelectionPolicy. Thread-safe.
    template <LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        const std::size_t size = view.size();
        detail::Cursor& last = last_.here();
        const std::size_t start = next(last.get(), size);
        Choice best{start, view.load(start)};
        if (purpose == Purpose::job) {
            // No load is less than 0, so an idle worker ends the search.
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

/// Chooses one worker after the other, whatever their load. O(1). Threads that pick at the same moment may get the same
/// worker. (As with every policy, the pool passes over a full worker while another one has a place.)
class RoundRobin {
  public:
    /// Returns the next worker; see SelectionPolicy. Thread-safe.
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

/// Draws two different workers at random and chooses the less loaded one. If their loads are equal, a new session goes
/// to the one with fewer sessions. O(1), and spreads load nearly as evenly as LeastLoaded (Mitzenmacher, "The Power of
/// Two Choices in Randomized Load Balancing", 2001).
class PowerOfTwoChoices {
  public:
    /// Starts the sequence of random numbers at seed. Policies with one seed draw the same workers in the same order.
    explicit PowerOfTwoChoices(std::uint64_t seed = 0x853c49e6748fea9bULL) noexcept : state_{seed} {}
    /// Continues the sequence of other from where it is now.
    PowerOfTwoChoices(const PowerOfTwoChoices& other) noexcept : state_{other.state_.load(std::memory_order_relaxed)} {}
    /// Continues the sequence of other from where it is now.
    PowerOfTwoChoices& operator=(const PowerOfTwoChoices& other) noexcept {
        state_.store(other.state_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }

    /// Returns the less loaded of two workers; see SelectionPolicy. Thread-safe.
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
    std::uint64_t draw() noexcept {
        using detail::SplitMix64;
        const std::uint64_t counter = state_.fetch_add(SplitMix64::increment, std::memory_order_relaxed);
        return SplitMix64::mix(counter);
    }

    /// Scales random to a number from 0 to limit - 1.
    static std::uint32_t below(std::uint32_t random, std::uint32_t limit) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{random} * limit) >> 32);
    }

    std::atomic<std::uint64_t> state_;
};

static_assert(SelectionPolicy<LeastLoaded> && SelectionPolicy<RoundRobin> && SelectionPolicy<PowerOfTwoChoices>);

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SELECTION_HPP
