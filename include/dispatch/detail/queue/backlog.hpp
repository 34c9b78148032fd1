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
#include <dispatch/detail/queue/indexed_heap.hpp>
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
/// W has
///   bool search() noexcept          wakes the worker, if it is asleep, to look for jobs here; false when it is awake
///   bool list_deferred() noexcept   calls list() if it has something to lend; true if it was not listed before
template <typename W>
class Backlog {
  public:
    /// When a job began to wait, among all jobs of the pool: less is earlier.
    using Age = std::uint64_t;

    /// workers outlives this.
    explicit Backlog(const WorkerSet& workers) : loads_{workers}, workers_(workers.size()), lenders_(workers.size()) {
        listed_.reserve(workers.size());
        deferred_.reserve(workers.size());
    }

    /// Makes worker known as the one with that number. Before anything is listed.
    void join(std::size_t number, std::weak_ptr<W> worker) noexcept { workers_[number] = std::move(worker); }

    /// Whether a worker is listed. For who has freed a permit before.
    bool any() const noexcept { return any_.load(std::memory_order_seq_cst); }

    /// The age of a job that begins to wait now.
    Age next_age() noexcept { return ages_.fetch_add(1, std::memory_order_relaxed) + 1; }

    /// The oldest job of the worker that may move is of this age. The caller holds the worker's inbox.
    void list(std::size_t worker, Age oldest) noexcept {
        const std::lock_guard lock{mutex_};
        Lender& lender = lenders_[worker];
        lender.oldest = oldest;
        if (lender.place != unlisted) {
            return listed_.update(lender);
        }
        if (listed_.empty()) {
            considered_ = 0;
        }
        listed_.push(lender);  // there is room for all
        any_.store(true, std::memory_order_seq_cst);
    }

    /// The worker has none. The caller holds the worker's inbox.
    void unlist(std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        if (lenders_[worker].place != unlisted) {
            remove(lenders_[worker]);
        }
    }

    /// The worker, which is not deferred yet, is to be listed a moment later, if it has something to lend then. True:
    /// the caller has list_deferred() called, behind what this thread is about to do.
    bool defer(std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        deferred_.push_back(worker);  // there is room for all
        return !std::exchange(look_is_due_, true);
    }

    /// Lists what was deferred, a moment later.
    void list_deferred() noexcept {
        {
            const std::lock_guard lock{mutex_};
            look_is_due_ = false;
        }
        list_deferred_now();
    }

    /// The same for who wants to know which job has waited longest.
    void list_deferred_now() noexcept {
        bool lists = false;
        while (const auto worker = next_deferred()) {
            lists = worker->list_deferred() || lists;
        }
        if (lists) {
            call();
        }
    }

    /// The worker with the job that has waited longest, as of its listing; null when there is none.
    struct Oldest {
        std::shared_ptr<W> worker;
        Age age;
    };

    Oldest oldest() noexcept {
        const std::lock_guard lock{mutex_};
        while (!listed_.empty()) {
            Lender& lender = listed_.first();
            if (auto worker = workers_[number_of(lender)].lock()) {
                return {std::move(worker), lender.oldest};
            }
            remove(lender);
        }
        return {nullptr, 0};
    }

    /// The worker with that number, or null when it is gone. Any thread.
    std::shared_ptr<W> worker(std::size_t number) const noexcept { return workers_[number].lock(); }

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
    static constexpr std::size_t unlisted = std::numeric_limits<std::size_t>::max();

    /// One for each worker, by number.
    struct Lender {
        Age oldest = 0;
        std::size_t place = unlisted;
    };

    struct ByAge {
        static bool before(const Lender& a, const Lender& b) noexcept { return a.oldest < b.oldest; }
        static std::size_t& index(Lender& lender) noexcept { return lender.place; }
    };

    std::size_t number_of(const Lender& lender) const noexcept {
        return static_cast<std::size_t>(&lender - lenders_.data());
    }

    void remove(Lender& lender) noexcept {
        listed_.remove(lender);
        lender.place = unlisted;
        if (listed_.empty()) {
            any_.store(false, std::memory_order_seq_cst);
        }
    }

    std::shared_ptr<W> next_deferred() noexcept {
        const std::lock_guard lock{mutex_};
        while (!deferred_.empty()) {
            const std::size_t worker = deferred_.back();
            deferred_.pop_back();
            if (auto found = workers_[worker].lock()) {
                return found;
            }
        }
        return nullptr;
    }

    /// The next worker, of those that were not considered yet, with a permit free. Null when there is none, or nothing
    /// is listed.
    std::shared_ptr<W> next_free() noexcept {
        if (!any()) {
            return nullptr;
        }
        const std::lock_guard lock{mutex_};
        while (!listed_.empty() && considered_ != workers_.size()) {
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

    const WorkerSet& loads_;
    /// Whether listed_ is not empty.
    std::atomic<bool> any_{false};
    alignas(cache_line) std::atomic<Age> ages_{0};
    Mutex mutex_;
    /// Constant once all have joined; the members below are guarded by mutex_.
    std::vector<std::weak_ptr<W>> workers_;
    std::vector<Lender> lenders_;
    /// Those who have something to lend, the oldest job's first.
    IndexedHeap<Lender, ByAge> listed_;
    /// Those who may have something to lend a moment later, and whether somebody is on the way to look.
    std::vector<std::size_t> deferred_;
    bool look_is_due_ = false;
    /// How many workers were considered since something is listed, and which was the last.
    std::size_t considered_ = 0;
    std::size_t last_considered_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_BACKLOG_HPP
