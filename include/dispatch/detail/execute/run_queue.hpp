// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_RUN_QUEUE_HPP
#define DISPATCH_DETAIL_EXECUTE_RUN_QUEUE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/execute/task_queue.hpp>
#include <dispatch/detail/execute/time_slice.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Tasks on their way to an executor, many to a hand-over: an invoker is posted for the first, and does
/// whatever has come by the time it runs.
///
/// What a task pushes stays with the invoker that runs it, so that a thread goes on with what its caches
/// hold; an invoker that has run out of tasks takes half of another one's (as in Blumofe and Leiserson,
/// "Scheduling Multithreaded Computations by Work Stealing", 1999). One that has not looks around now and
/// then, for what has come from outside, and for another that is kept by a task.
///
/// As long as there are tasks here an invoker is waiting in the executor's queue, not counting those that
/// are at work: when a task keeps one of them busy, the next does the rest. For that, whoever has put
/// tasks into a queue looks afterwards whether an invoker waits, and an invoker that arrives says that it does
/// not wait before it looks at the queues. Thread-safe.
///
/// Clock says how long tasks take: the same one as everywhere, or a run could not be repeated.
template <typename Clock = std::chrono::steady_clock>
class RunQueue {
  public:
    enum class Push : std::uint8_t {
        queued,
        first,   ///< queued, and the caller has to post an invoker, which calls run_tasks()
        closed,  ///< not queued: the task is still the caller's
    };

    [[nodiscard]] Push push(Task& task) noexcept {
        Invoker* const invoker = current();
        if (!(invoker != nullptr ? invoker->local : inject_).push(task)) [[unlikely]] {
            return Push::closed;
        }
        return claim_invoker() ? Push::first : Push::queued;
    }

    /// What an invoker does. post_invoker() posts one more, and does not throw.
    template <typename PostInvoker>
    void run_tasks(PostInvoker&& post_invoker) {
        Invoker invoker{*this};
        const Departure<PostInvoker> departure{invoker, post_invoker};
        spin(invoker);
        invoker_waits_.store(false, std::memory_order_relaxed);
        std::size_t looks = invoker.slice.looks();
        do {
            Task* task = nullptr;
            if (std::exchange(looks, invoker.slice.looks()) == invoker.slice.looks() || !has_others()) [[likely]] {
                task = invoker.local.pop();
            } else {
                take_from_stuck(invoker);
            }
            if (task == nullptr) {
                const Find find = search(invoker);
                if (find.task == nullptr) {
                    return;
                }
                if (find.leaves_more && claim_invoker()) {
                    post_invoker();
                }
                task = find.task;
            }
            invoker.started.store(invoker.started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            task->run();
        } while (invoker.slice.spend(1) != 0 && !invoker.slice.is_full());
    }

    /// For a task that consists of tasks, and has done so many: how many more it may do before the next call. 0: its
    /// invoker's time slice is over.
    std::size_t spend(std::size_t tasks) noexcept {
        Invoker* const invoker = current();
        return invoker != nullptr ? invoker->slice.spend(tasks) : 1;
    }

    /// For a task that has done a lot: its invoker goes back to the executor's queue.
    void end_time_slice() noexcept {
        if (Invoker* const invoker = current()) {
            invoker->slice.end();
        }
    }

    /// Lets go of all tasks, now and from now on.
    [[gnu::cold]] void close() noexcept {
        IntrusiveList<Task> tasks;
        {
            const std::lock_guard lock{invokers_mutex_};
            inject_.close(tasks);
            for (Invoker& invoker : invokers_) {
                invoker.local.close(tasks);
            }
        }
        while (Task* task = tasks.pop_front()) {
            task->destroy();
        }
    }

  private:
    /// So many tasks at most does one invoker take from another that is getting on.
    static constexpr std::size_t most_taken = 32;
    /// One that has been at the same task for so long is not.
    static constexpr std::chrono::microseconds stuck{50};
    /// So often does an invoker look whether others do better without it: for about 5 microseconds.
    static constexpr int patient_looks = 10;
    static constexpr int pauses_between_looks = 20;

    /// An invoker at work, on its thread's stack.
    struct Invoker : ListHook {
        explicit Invoker(RunQueue& of) noexcept : queue{of}, outer{std::exchange(innermost, this)} {
            queue.enter(*this);
        }
        ~Invoker() { innermost = outer; }

        RunQueue& queue;
        Invoker* const outer;
        TaskQueue local;
        TimeSlice<Clock> slice{queue.task_duration_};
        /// How many tasks it has begun.
        std::atomic<std::size_t> started{0};
        /// When it was last seen to have begun another one. Guarded by invokers_mutex_.
        std::size_t seen_started = 0;
        typename Clock::time_point seen_at{};

        /// The one that this thread is in.
        static inline constinit thread_local Invoker* innermost = nullptr;
    };

    /// Leaves no task behind, also when one has thrown.
    template <typename PostInvoker>
    struct Departure {
        Invoker& invoker;
        PostInvoker& post_invoker;

        ~Departure() {
            if (invoker.queue.leave(invoker)) {
                post_invoker();
            }
        }
    };

    struct Find {
        /// Null when there is nothing to do.
        Task* task;
        bool leaves_more;
    };

    /// The invoker of this queue in which this thread is.
    Invoker* current() const noexcept {
        Invoker* const invoker = Invoker::innermost;
        return invoker != nullptr && &invoker->queue == this ? invoker : nullptr;
    }

    bool claim_invoker() noexcept {
        return !invoker_waits_.load(std::memory_order_relaxed) &&
               !invoker_waits_.exchange(true, std::memory_order_relaxed);
    }

    void enter(Invoker& invoker) noexcept {
        const std::lock_guard lock{invokers_mutex_};
        if (inject_.closed()) [[unlikely]] {
            IntrusiveList<Task> none;
            invoker.local.close(none);
        }
        invokers_.push_back(invoker);
        invokers_at_work_.fetch_add(1, std::memory_order_relaxed);
    }

    /// True when the caller has to post an invoker.
    bool leave(Invoker& invoker) noexcept {
        const std::lock_guard lock{invokers_mutex_};
        invokers_.remove(invoker);
        invokers_at_work_.fetch_sub(1, std::memory_order_relaxed);
        const bool leaves_tasks = !invoker.local.empty();
        invoker.local.splice_into(inject_);
        return leaves_tasks && claim_invoker();
    }

    /// Moving a task to another processor takes longer than most tasks do, and so does falling asleep and
    /// being woken. So an invoker that comes while others are at work leaves them their last task each for a
    /// moment; it counts as waiting meanwhile, so that they need not call another.
    void spin(const Invoker& invoker) noexcept {
        for (const Invoker* below = invoker.outer; below != nullptr; below = below->outer) {
            if (&below->queue == this) {
                return;  // the other one is on this thread's stack: it waits for this one
            }
        }
        for (int look = 0; look != patient_looks && others_suffice(invoker); ++look) {
            for (int pause = 0; pause != pauses_between_looks; ++pause) {
                pause_processor();
            }
        }
    }

    [[gnu::noinline]] bool others_suffice(const Invoker& invoker) noexcept {
        const std::lock_guard lock{invokers_mutex_};
        bool has_others = false;
        for (const Invoker& other : invokers_) {
            has_others = has_others || &other != &invoker;
            if (other.local.count() > 1) {
                return false;
            }
        }
        return has_others && inject_.count() == 0;
    }

    /// Whether an invoker that has tasks might have to do with others: with another invoker, or with what came from
    /// elsewhere. An estimate.
    bool has_others() const noexcept {
        return invokers_at_work_.load(std::memory_order_relaxed) > 1 || inject_.count() != 0;
    }

    /// Takes over from whoever is kept by a task.
    [[gnu::noinline]] void take_from_stuck(Invoker& invoker) noexcept {
        const auto now = invoker.slice.last_look();
        const std::lock_guard lock{invokers_mutex_};
        for (Invoker& other : invokers_) {
            const std::size_t started = other.started.load(std::memory_order_relaxed);
            if (&other == &invoker) {
                continue;
            }
            if (other.seen_started != started || other.seen_at == typename Clock::time_point{}) {
                other.seen_started = started;
                other.seen_at = now;
            } else if (now - other.seen_at > stuck) {
                other.local.splice_into(invoker.local);
            }
        }
    }

    [[gnu::noinline]] Find search(Invoker& invoker) noexcept {
        const std::lock_guard lock{invokers_mutex_};
        inject_.splice_into(invoker.local);
        for (auto other = invokers_.begin(); invoker.local.empty() && other != invokers_.end(); ++other) {
            if (&*other != &invoker) {
                other->local.steal_into(invoker.local, most_taken);
            }
        }
        Task* const task = invoker.local.pop();
        const bool leaves_more =
            std::any_of(invokers_.begin(), invokers_.end(), [](Invoker& any) { return !any.local.empty(); });
        return {task, leaves_more};
    }

    TaskDuration task_duration_;
    /// What is pushed from elsewhere than a task.
    TaskQueue inject_;
    /// Guards the list of invokers, and keeps them from moving tasks at the same time.
    alignas(cache_line) Mutex invokers_mutex_;
    IntrusiveList<Invoker> invokers_;
    /// How long the list is. Written under the lock, read also without.
    std::atomic<std::size_t> invokers_at_work_{0};
    /// An invoker is in the executor's queue, or spins.
    alignas(cache_line) std::atomic<bool> invoker_waits_{false};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_RUN_QUEUE_HPP
