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
#include <dispatch/detail/execute/task_shelf.hpp>
#include <dispatch/detail/execute/turn.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Tasks on their way to an executor, many to a hand-over: a carrier is posted for the first, and does
/// whatever has come by the time it runs.
///
/// What a task pushes stays with the carrier that runs it, so that a thread goes on with what its caches
/// hold; a carrier that has run out of tasks takes half of another one's (as in Blumofe and Leiserson,
/// "Scheduling Multithreaded Computations by Work Stealing", 1999). One that has not looks around now and
/// then, for what has come from outside, and for another that is kept by a task.
///
/// As long as there are tasks here a carrier is waiting in the executor's queue, not counting those that
/// are at work: when a task keeps one of them busy, the next does the rest. For that, whoever has put
/// tasks on a shelf looks afterwards whether a carrier waits, and a carrier that arrives says that it does
/// not wait before it looks at the shelves. Thread-safe.
///
/// Clock says how long tasks take: the same one as everywhere, or a run could not be repeated.
template <typename Clock = std::chrono::steady_clock>
class RunQueue {
  public:
    enum class Push : std::uint8_t {
        queued,
        first,   ///< queued, and the caller has to post a carrier, which calls carry()
        closed,  ///< not queued: the task is still the caller's
    };

    [[nodiscard]] Push push(Task& task) noexcept {
        Carrier* const carrier = current();
        if (!(carrier != nullptr ? carrier->shelf : common_).push(task)) [[unlikely]] {
            return Push::closed;
        }
        return claim_carrier() ? Push::first : Push::queued;
    }

    /// What a carrier does. send_carrier() posts one more, and does not throw.
    template <typename SendCarrier>
    void carry(SendCarrier&& send_carrier) {
        Carrier carrier{*this};
        const Departure<SendCarrier> departure{carrier, send_carrier};
        linger(carrier);
        carrier_waits_.store(false, std::memory_order_relaxed);
        std::size_t looks = carrier.turn.looks();
        do {
            Task* task = nullptr;
            if (std::exchange(looks, carrier.turn.looks()) == carrier.turn.looks() || !has_others()) [[likely]] {
                task = carrier.shelf.pop();
            } else {
                look_around(carrier);
            }
            if (task == nullptr) {
                const Find find = look_for_tasks(carrier);
                if (find.task == nullptr) {
                    return;
                }
                if (find.leaves_more && claim_carrier()) {
                    send_carrier();
                }
                task = find.task;
            }
            carrier.started.store(carrier.started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            task->run();
        } while (carrier.turn.spend(1) != 0 && !carrier.turn.is_full());
    }

    /// For a task that consists of steps, and has done so many of them: how many more it may do before it says so
    /// again. 0: its carrier's turn is over.
    std::size_t spend(std::size_t steps) noexcept {
        Carrier* const carrier = current();
        return carrier != nullptr ? carrier->turn.spend(steps) : 1;
    }

    /// For a task that has done a lot: its carrier goes back to the executor's queue.
    void end_turn() noexcept {
        if (Carrier* const carrier = current()) {
            carrier->turn.end();
        }
    }

    /// Lets go of all tasks, now and from now on.
    void close() noexcept {
        IntrusiveList<Task> tasks;
        {
            const std::lock_guard lock{carriers_mutex_};
            common_.close(tasks);
            for (Carrier& carrier : carriers_) {
                carrier.shelf.close(tasks);
            }
        }
        while (Task* task = tasks.pop_front()) {
            task->destroy();
        }
    }

  private:
    /// So many tasks at most does one carrier take from another that is getting on.
    static constexpr std::size_t most_taken = 32;
    /// One that has been at the same task for so long is not.
    static constexpr std::chrono::microseconds stuck{50};
    /// So often does a carrier look whether others do better without it: for about 5 microseconds.
    static constexpr int patient_looks = 10;
    static constexpr int pauses_between_looks = 20;

    /// A carrier at work, on its thread's stack.
    struct Carrier : ListHook {
        explicit Carrier(RunQueue& of) noexcept : queue{of}, outer{std::exchange(innermost, this)} {
            queue.enter(*this);
        }
        ~Carrier() { innermost = outer; }

        RunQueue& queue;
        Carrier* const outer;
        TaskShelf shelf;
        Turn<Clock> turn{queue.step_length_};
        /// How many tasks it has begun.
        std::atomic<std::size_t> started{0};
        /// When it was last seen to have begun another one. Guarded by carriers_mutex_.
        std::size_t seen_started = 0;
        typename Clock::time_point seen_at{};

        /// The one that this thread is in.
        static inline constinit thread_local Carrier* innermost = nullptr;
    };

    /// Leaves no task behind, also when one has thrown.
    template <typename SendCarrier>
    struct Departure {
        Carrier& carrier;
        SendCarrier& send_carrier;

        ~Departure() {
            if (carrier.queue.leave(carrier)) {
                send_carrier();
            }
        }
    };

    struct Find {
        /// Null when there is nothing to do.
        Task* task;
        bool leaves_more;
    };

    /// The carrier of this queue in which this thread is.
    Carrier* current() const noexcept {
        Carrier* const carrier = Carrier::innermost;
        return carrier != nullptr && &carrier->queue == this ? carrier : nullptr;
    }

    bool claim_carrier() noexcept {
        return !carrier_waits_.load(std::memory_order_relaxed) &&
               !carrier_waits_.exchange(true, std::memory_order_relaxed);
    }

    void enter(Carrier& carrier) noexcept {
        const std::lock_guard lock{carriers_mutex_};
        if (common_.closed()) [[unlikely]] {
            IntrusiveList<Task> none;
            carrier.shelf.close(none);
        }
        carriers_.push_back(carrier);
        carriers_at_work_.fetch_add(1, std::memory_order_relaxed);
    }

    /// True when the caller has to post a carrier.
    bool leave(Carrier& carrier) noexcept {
        const std::lock_guard lock{carriers_mutex_};
        carriers_.remove(carrier);
        carriers_at_work_.fetch_sub(1, std::memory_order_relaxed);
        const bool leaves_tasks = !carrier.shelf.empty();
        carrier.shelf.give_all(common_);
        return leaves_tasks && claim_carrier();
    }

    /// Moving a task to another processor takes longer than most tasks do, and so does falling asleep and
    /// being woken. So a carrier that comes while others are at work leaves them their last task each for a
    /// moment; it counts as waiting meanwhile, so that they need not call another.
    void linger(const Carrier& carrier) noexcept {
        for (const Carrier* below = carrier.outer; below != nullptr; below = below->outer) {
            if (&below->queue == this) {
                return;  // the other one is on this thread's stack: it waits for this one
            }
        }
        for (int look = 0; look != patient_looks && others_suffice(carrier); ++look) {
            for (int pause = 0; pause != pauses_between_looks; ++pause) {
                pause_processor();
            }
        }
    }

    [[gnu::noinline]] bool others_suffice(const Carrier& carrier) noexcept {
        const std::lock_guard lock{carriers_mutex_};
        bool has_others = false;
        for (const Carrier& other : carriers_) {
            has_others = has_others || &other != &carrier;
            if (other.shelf.count() > 1) {
                return false;
            }
        }
        return has_others && common_.count() == 0;
    }

    /// Whether a carrier that has tasks might have to do with others: with another carrier, or with what came from
    /// elsewhere. An estimate.
    bool has_others() const noexcept {
        return carriers_at_work_.load(std::memory_order_relaxed) > 1 || common_.count() != 0;
    }

    /// Takes over from whoever is kept by a task.
    [[gnu::noinline]] void look_around(Carrier& carrier) noexcept {
        const auto now = carrier.turn.last_look();
        const std::lock_guard lock{carriers_mutex_};
        for (Carrier& other : carriers_) {
            const std::size_t started = other.started.load(std::memory_order_relaxed);
            if (&other == &carrier) {
                continue;
            }
            if (other.seen_started != started || other.seen_at == typename Clock::time_point{}) {
                other.seen_started = started;
                other.seen_at = now;
            } else if (now - other.seen_at > stuck) {
                other.shelf.give_all(carrier.shelf);
            }
        }
    }

    [[gnu::noinline]] Find look_for_tasks(Carrier& carrier) noexcept {
        const std::lock_guard lock{carriers_mutex_};
        common_.give_all(carrier.shelf);
        for (auto other = carriers_.begin(); carrier.shelf.empty() && other != carriers_.end(); ++other) {
            if (&*other != &carrier) {
                other->shelf.give_half(carrier.shelf, most_taken);
            }
        }
        Task* const task = carrier.shelf.pop();
        const bool leaves_more =
            std::any_of(carriers_.begin(), carriers_.end(), [](Carrier& any) { return !any.shelf.empty(); });
        return {task, leaves_more};
    }

    StepLength step_length_;
    /// What is pushed from elsewhere than a task.
    TaskShelf common_;
    /// Guards the list of carriers, and keeps them from moving tasks at the same time.
    alignas(cache_line) Mutex carriers_mutex_;
    IntrusiveList<Carrier> carriers_;
    /// How long the list is. Written under the lock, read also without.
    std::atomic<std::size_t> carriers_at_work_{0};
    /// A carrier is in the executor's queue, or lingers.
    alignas(cache_line) std::atomic<bool> carrier_waits_{false};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_RUN_QUEUE_HPP
