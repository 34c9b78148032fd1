// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_BACKLOG_HPP
#define DISPATCH_DETAIL_QUEUE_BACKLOG_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Which workers of a pool have waiting jobs that another worker may run, and whom to call when there are any: what
/// makes a pool conserve work. Knows nothing of Asio; thread-safe.
///
/// Two rules keep a job from waiting while a worker could run it:
///   - A worker that has a permit free and no job of its own looks here before it sleeps.
///   - Whoever lists a worker here calls one that is asleep and has a permit free. That one calls the next before it
///     looks, as long as something is listed: so one job does not wake a thousand workers. One that has jobs in
///     progress is called beside others: a handler may hold its thread, and it does not even hear of it.
/// The former frees the permit first and looks second, the latter lists first and looks at the loads second, all of it
/// sequentially consistent: one of the two sees the other.
///
/// A worker that was found busy, or was called, looks here by itself from then on; so while something is listed each
/// worker is considered once, not for each job. And a worker stays listed when its own lanes have taken its jobs: who
/// looks finds that out, and a pool that is busy everywhere pays nothing for it.
///
/// The mutex is the innermost lock: an inbox's may be held, and nothing is called under it.
///
/// W has bool search() noexcept: wakes the worker, if it is asleep, to look for jobs here; false when it is awake.
template <typename W>
class Backlog {
  public:
    /// When a job began to wait, among all jobs of the pool: less is earlier.
    using Age = std::uint64_t;

    /// workers outlives this.
    explicit Backlog(const WorkerSet& workers)
        : loads_{workers}, workers_(workers.size()), places_(workers.size(), unlisted) {
        heap_.reserve(workers.size());
    }

    /// Makes worker known as the one with that number. Before anything is listed.
    void join(std::size_t number, std::weak_ptr<W> worker) noexcept { workers_[number] = std::move(worker); }

    /// Whether a worker is listed. For who has freed a permit before.
    bool any() const noexcept { return listed_.load(std::memory_order_seq_cst) != 0; }

    /// The age of a job that begins to wait now.
    Age next_age() noexcept { return ages_.fetch_add(1, std::memory_order_relaxed) + 1; }

    /// The oldest job of the worker that may move is of this age. The caller holds the worker's inbox.
    void list(std::size_t worker, Age oldest) noexcept {
        const std::lock_guard lock{mutex_};
        if (places_[worker] == unlisted) {
            if (heap_.empty()) {
                considered_ = 0;
            }
            heap_.push_back({oldest, worker});
            places_[worker] = heap_.size() - 1;
            listed_.store(heap_.size(), std::memory_order_seq_cst);
        } else {
            heap_[places_[worker]].age = oldest;
        }
        settle(places_[worker]);
    }

    /// The worker has none. The caller holds the worker's inbox.
    void unlist(std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        const std::size_t hole = std::exchange(places_[worker], unlisted);
        if (hole == unlisted) {
            return;
        }
        const Entry last = heap_.back();
        heap_.pop_back();
        if (last.worker != worker) {
            put(hole, last);
            settle(hole);
        }
        listed_.store(heap_.size(), std::memory_order_seq_cst);
    }

    /// The worker with the job that has waited longest, as of its listing; null when there is none.
    struct Oldest {
        std::shared_ptr<W> worker;
        Age age;
    };

    Oldest oldest() noexcept {
        for (;;) {
            const std::lock_guard lock{mutex_};
            if (heap_.empty()) {
                return {nullptr, 0};
            }
            if (auto worker = workers_[heap_.front().worker].lock()) {
                return {std::move(worker), heap_.front().age};
            }
            remove_first();
        }
    }

    /// Calls one worker that is asleep without any job, and those with a permit free that are considered before it, if
    /// something is listed. No inbox is held.
    void call() noexcept {
        while (const auto worker = next_free()) {
            const bool hears_at_once = worker->load()->idle();
            if (worker->search() && hears_at_once) {
                return;
            }
        }
    }

    /// Calls this one, if it has a permit free: it may have had none when it was considered.
    void call(W& worker) noexcept {
        if (worker.load()->has_free_permit()) {
            worker.search();
        }
    }

    /// The same by its number.
    void call(std::size_t worker) noexcept {
        if (loads_[worker].has_free_permit()) {
            if (const auto called = workers_[worker].lock()) {
                called->search();
            }
        }
    }

  private:
    struct Entry {
        Age age;
        std::size_t worker;
    };

    static constexpr std::size_t unlisted = std::numeric_limits<std::size_t>::max();

    /// The next worker, of those that were not considered yet, with a permit free. Null when there is none, or nothing
    /// is listed.
    std::shared_ptr<W> next_free() noexcept {
        if (!any()) {
            return nullptr;
        }
        const std::lock_guard lock{mutex_};
        while (!heap_.empty() && considered_ != workers_.size()) {
            ++considered_;
            // A different one comes first each time.
            last_considered_ = last_considered_ + 1 < workers_.size() ? last_considered_ + 1 : 0;
            if (loads_[last_considered_].has_free_permit()) {
                if (auto worker = workers_[last_considered_].lock()) {
                    return worker;
                }
            }
        }
        return nullptr;
    }

    void remove_first() noexcept {
        places_[heap_.front().worker] = unlisted;
        const Entry last = heap_.back();
        heap_.pop_back();
        if (!heap_.empty()) {
            put(0, last);
            settle(0);
        }
        listed_.store(heap_.size(), std::memory_order_seq_cst);
    }

    void put(std::size_t place, const Entry& entry) noexcept {
        heap_[place] = entry;
        places_[entry.worker] = place;
    }

    void exchange(std::size_t a, std::size_t b) noexcept {
        const Entry entry = heap_[a];
        put(a, heap_[b]);
        put(b, entry);
    }

    /// The entry at place has a new age: moves it to where it belongs.
    void settle(std::size_t place) noexcept {
        while (place != 0 && heap_[place].age < heap_[(place - 1) / 2].age) {
            exchange(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        for (std::size_t child = 2 * place + 1; child < heap_.size(); child = 2 * place + 1) {
            if (child + 1 < heap_.size() && heap_[child + 1].age < heap_[child].age) {
                ++child;
            }
            if (heap_[place].age <= heap_[child].age) {
                return;
            }
            exchange(place, child);
            place = child;
        }
    }

    const WorkerSet& loads_;
    std::atomic<std::size_t> listed_{0};
    alignas(cache_line) std::atomic<Age> ages_{0};
    Mutex mutex_;
    std::vector<std::weak_ptr<W>> workers_;
    /// The workers that are listed: a binary heap, the oldest job's first.
    std::vector<Entry> heap_;
    /// Where in it each worker is.
    std::vector<std::size_t> places_;
    /// How many workers were considered since something is listed, and which was the last.
    std::size_t considered_ = 0;
    std::size_t last_considered_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_BACKLOG_HPP
