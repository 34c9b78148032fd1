// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_INBOX_HPP
#define DISPATCH_DETAIL_QUEUE_INBOX_HPP

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/queue/deadline_heap.hpp>
#include <dispatch/detail/route/worker_load.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker's jobs that have not been answered, and the one lock under which it is decided what
/// becomes of each: started, cancelled, expired or turned away. Knows nothing of Asio; thread-safe.
///
/// Jobs stay in the queue until the very moment at which a lane starts them. Past queue_capacity the
/// queue holds those whose submitters wait: as every submitter waits for its response anyway, a place
/// further ahead is all that tells the two apart, and WorkerLoad counts it.
///
/// The worker is asleep when it has seen the queue empty (pop, try_sleep); the next push wakes it.
/// J is Job, or has its state, ticket, deadline, deadline_index and add_owner(). Alarm is called under the
/// lock: set(time) to have take_overdue called then, clear() when that is no longer needed.
template <typename J, typename Alarm>
class Inbox {
    using State = decltype(J::state);
    using Ticket = decltype(J::ticket);

  public:
    using List = IntrusiveList<J>;

    /// submitted counts the jobs that come, tally those that end here.
    Inbox(Tally::Counter& submitted, Tally& tally, Alarm alarm)
        : submitted_{submitted}, tally_{tally}, alarm_{std::move(alarm)} {}

    /// Appends job, or returns false because the inbox is closed. When the worker is asleep, wake() is
    /// called first, under the lock. Where it or the alarm throws, job is not in the inbox.
    template <typename Wake>
    bool push(J& job, Wake&& wake) {
        const std::lock_guard lock{mutex_};
        if (closed_) {
            job.state = State::replied;  // a cancellation that comes now finds it decided
            Tally::count_exclusively(submitted_);
            Tally::count(tally_.stopped);
            return false;
        }
        if (job.deadline) [[unlikely]] {
            push_deadline(job);
        }
        if (asleep_) {
            try {
                wake();
            } catch (...) {
                drop_deadline(job);
                throw;
            }
            asleep_ = false;
        }
        Tally::count_exclusively(submitted_);
        queue_.push_back(job);
        return true;
    }

    /// The next job, now running as ticket says. Null when there is none: the worker is asleep.
    J* pop(const Ticket& ticket) noexcept {
        const std::lock_guard lock{mutex_};
        J* const job = queue_.pop_front();
        if (job != nullptr) {
            job->state = State::running;
            job->ticket = ticket;
        } else {
            asleep_ = true;
        }
        return job;
    }

    /// True when there is nothing to do: the worker is asleep.
    bool try_sleep() noexcept {
        const std::lock_guard lock{mutex_};
        asleep_ = queue_.empty();
        return asleep_;
    }

    /// Ends a running job: true when its reply is still owed, false when its deadline has already
    /// answered it. Jobs without a deadline need not ask. May be asked again after true.
    bool claim_reply(J& job) noexcept {
        const std::lock_guard lock{mutex_};
        if (job.state == State::replied) {
            return false;
        }
        drop_deadline(job);
        return true;
    }

    /// For a submitter that wants job to end. Queued: it is taken out, and the caller answers it.
    /// Running: ticket is where. Answered: nothing to do.
    State withdraw(J& job, Ticket& ticket) noexcept {
        const std::lock_guard lock{mutex_};
        const State was = job.state;
        if (was == State::queued) {
            queue_.remove(job);
            drop_deadline(job);
            job.state = State::replied;
            Tally::count(tally_.cancelled);
        } else if (was == State::running) {
            ticket = job.ticket;
        }
        return was;
    }

    /// Jobs that the caller has to answer because their time has come: those that never started, and
    /// those that run on (add_owner(): their lanes own them as well).
    struct Overdue {
        List queued;
        List running;
    };

    template <typename TimePoint>
    Overdue take_overdue(TimePoint now) noexcept {
        Overdue overdue;
        const std::lock_guard lock{mutex_};
        while (!deadlines_.empty() && *deadlines_.earliest().deadline <= now) {
            J& job = deadlines_.earliest();
            drop_deadline(job);
            if (job.state == State::queued) {
                queue_.remove(job);
                overdue.queued.push_back(job);
            } else {
                job.add_owner();
                overdue.running.push_back(job);
            }
            job.state = State::replied;
            Tally::count(tally_.expired);
        }
        try {
            if (!deadlines_.empty()) {
                alarm_.set(*deadlines_.earliest().deadline);
            }
        } catch (...) {
            // The deadlines that are left are seen when their jobs come to their turn.
        }
        return overdue;
    }

    /// Turns away whoever comes from now on, and returns the queued jobs for the caller to answer.
    List close() noexcept {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        List queued;
        while (J* job = queue_.pop_front()) {
            drop_deadline(*job);
            job->state = State::replied;
            Tally::count(tally_.stopped);
            queued.push_back(*job);
        }
        return queued;
    }

  private:
    void push_deadline(J& job) {
        deadlines_.push(job);
        if (&deadlines_.earliest() == &job) {
            try {
                alarm_.set(*job.deadline);
            } catch (...) {
                deadlines_.remove(job);
                throw;
            }
        }
    }

    /// A job is among the deadlines until its reply is decided.
    void drop_deadline(J& job) noexcept {
        if (job.deadline && job.deadline_index != unlisted) {
            deadlines_.remove(job);
            job.deadline_index = unlisted;
            if (deadlines_.empty()) {
                alarm_.clear();
            }
        }
    }

    static constexpr std::size_t unlisted = ~std::size_t{0};

    Mutex mutex_;
    Tally::Counter& submitted_;
    Tally& tally_;
    Alarm alarm_;
    List queue_;
    DeadlineHeap<J> deadlines_;
    bool asleep_ = true;
    bool closed_ = false;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_INBOX_HPP
