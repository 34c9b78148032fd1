// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_INBOX_HPP
#define DISPATCH_DETAIL_QUEUE_INBOX_HPP

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/queue/alarm_plan.hpp>
#include <dispatch/detail/queue/deadlines.hpp>
#include <dispatch/detail/queue/patients.hpp>
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
///
/// Other workers take jobs that may move from here (lend). A job waits for a permit if all are in use or spoken for
/// when it is pushed; with one of those that may move the inbox is listed (Host::list). That its own worker has taken
/// the jobs of the list meanwhile is found out only when somebody wants to take one.
///
/// Where the worker is about to start a job when another begins to wait, the inbox is listed a moment later, if that
/// one waits still: a worker on the same threads would only take what this one gets to at once. A job that waits and
/// may move is listed, then, or list_deferred() is on its way (by a thread that could run any of the pool's workers).
///
/// A job with Patience that waits may be taken by its session's other home (lend_guest), and by any worker when its
/// patience has ended (exhaust). Until then it is one of those that stay.
///
/// J is JobNode, or has its members. Host is called under the lock:
///   prepare_alarm()   set_alarm() may be called from now on; may throw
///   set_alarm(time)   has exhaust_patience and take_overdue called then, and not when it was set for before
///   clear_alarm()     they need not be called
///   look_later()      has look() called, behind what the worker is about to do
///   defers()          whether list_deferred() can be called a moment later
///   next_age()        the age of a job that begins to wait now
///   list(age)         the job that has waited longest, of those that may move, is of this age
///   unlist()          there is none
///   invite(patience), uninvite(patience)    the job's other home may take it; not any more
template <typename J, typename Host>
class Inbox {
    using State = decltype(J::state);
    using Ticket = decltype(J::ticket);
    using PatienceOfJob = std::remove_pointer_t<decltype(std::declval<J&>().patience())>;
    using PlaceOfJob = std::remove_reference_t<decltype(std::declval<J&>().deadline_place())>;
    using TimePoint = std::remove_cvref_t<decltype(std::declval<PlaceOfJob&>().time)>;

  public:
    using List = IntrusiveList<J>;

    /// load is the worker's, and counts the jobs that come and those that end here.
    Inbox(WorkerLoad& load, Host host) : load_{load}, host_{std::move(host)} {}

    enum class Push : std::uint8_t {
        queued,
        listed,    ///< and the inbox is listed now, which it was not
        deferred,  ///< and the caller has list_deferred() called, behind what its worker is about to do
        closed,    ///< not queued: the caller answers the job
    };

    /// Appends job, which is counted in the load. When the worker is asleep, wake() is called first, under the lock.
    /// Where it or the alarm throws, job is not in the inbox.
    template <typename Wake>
    Push push(J& job, Wake&& wake) {
        if (job.patience() == nullptr) [[likely]] {
            return job.is_plain() ? push_plain(job, wake) : push_timed(job, wake);
        }
        const MutexLock lock{mutex_};
        if (attention_ == Attention::closed) {
            return turn_away(job);
        }
        const bool waits = load_.lends();
        PatienceOfJob* const patience = waits && !job.may_move ? job.patience() : nullptr;
        push_with_times(job, patience, wake);
        const Push pushed = append(job, waits);
        if (patience != nullptr) {
            invite(*patience);  // who sees the guest sees its age
        }
        return pushed;
    }

    /// The same for one without patience, which may have a deadline.
    template <typename Wake>
    [[gnu::always_inline]] inline Push push_timed(J& job, Wake&& wake) {
        const MutexLock lock{mutex_};
        if (attention_ == Attention::closed) [[unlikely]] {
            return turn_away(job);
        }
        if (attention_ == Attention::asleep || !job.deadline || alarm_.needs_look(*job.deadline)) {
            push_with_times(job, nullptr, wake);
        } else {
            deadlines_.push(job.deadline_place());
        }
        return append(job, load_.lends());
    }

    /// The same for one that is plain.
    template <typename Wake>
    [[gnu::always_inline]] inline Push push_plain(J& job, Wake&& wake) {
        const MutexLock lock{mutex_};
        if (attention_ != Attention::awake) {
            if (attention_ == Attention::closed) [[unlikely]] {
                return turn_away(job);
            }
            wake();
            attention_ = Attention::awake;
        }
        return append(job, load_.lends());
    }

    /// The next job, now running as ticket says. Null when there is none: the worker is asleep.
    [[gnu::always_inline]] inline J* pop(const Ticket& ticket) noexcept {
        const MutexLock lock{mutex_};
        J* const job = pop_front();
        if (job != nullptr) [[likely]] {
            if (!job->is_plain() && job->patience() != nullptr) [[unlikely]] {
                drop_patience(*job);
            }
            job->state = State::running;
            job->ticket = ticket;
        } else {
            fall_asleep();
        }
        return job;
    }

    /// For another worker, which has no job of its own: of the jobs that may move, the one that has waited longest, now
    /// running. start(job) says how it runs, or false when it cannot be run after all. Null also when that job is not
    /// of the age for which the inbox was listed: it is listed anew then, if there is one, so that the caller finds out
    /// where the oldest job is.
    template <typename Start>
    J* lend(std::uint64_t age, Start&& start) noexcept {
        const std::lock_guard lock{mutex_};
        J* const oldest = oldest_waiting();
        J* lent = nullptr;
        if (oldest != nullptr && oldest->age == age) {
            if (!start(*oldest)) {
                return nullptr;
            }
            lent = take_out(*oldest);
        }
        list_anew();
        return lent;
    }

    /// The same for a job of guest(), a Patience of a job in this queue, or null: for the session's other home.
    template <typename Guest, typename Start>
    J* lend_guest(Guest&& guest, Start&& start) noexcept {
        const std::lock_guard lock{mutex_};
        PatienceOfJob* const patience = guest();
        return patience != nullptr && start(*patience->job) ? take_out(*patience->job) : nullptr;
    }

    /// Whether the worker, which has a permit free, is to run a job of another inbox before its own: the first of those
    /// has waited less long than age says, and none was promised a permit. The load counts it then.
    bool reserve_before_own(std::uint64_t age) noexcept {
        const std::lock_guard lock{mutex_};
        if ((movable_.empty() && fixed_.empty()) || next_queue().front().age < age || any_has_permit(movable_) ||
            any_has_permit(fixed_)) {
            return false;
        }
        load_.reserve();  // here, as whoever is pushed next sees by the load whether it waits
        return true;
    }

    /// From now on any worker may run the jobs whose patience has ended. True if the inbox is listed now, which it was
    /// not.
    bool exhaust_patience(TimePoint now) noexcept {
        const std::lock_guard lock{mutex_};
        return patients_.exhaust(now) && list_anew();
    }

    /// Lists the inbox anew for the oldest job that there is, if there is one.
    void correct_listing() noexcept {
        const std::lock_guard lock{mutex_};
        list_anew();
    }

    /// The worker has had the time to start what has a permit: lists the inbox for what waits still. True if it is
    /// listed now, which it was not.
    bool list_deferred() noexcept {
        const std::lock_guard lock{mutex_};
        deferred_ = false;
        return list_anew();
    }

    /// A moment has passed since Host::look_later(). True: look() is to be called again, another moment later.
    bool look() noexcept {
        const std::lock_guard lock{mutex_};
        return follow(alarm_.look(next_time()));
    }

    /// Calls wake() if the worker is asleep, under the lock; it is awake then. False when it was, or is closed. Where
    /// it throws, it sleeps on.
    template <typename Wake>
    bool wake_sleeper(Wake&& wake) {
        const std::lock_guard lock{mutex_};
        if (attention_ != Attention::asleep) {
            return false;
        }
        wake();
        attention_ = Attention::awake;
        return true;
    }

    /// True when there is nothing to do: the worker is asleep.
    bool try_sleep() noexcept {
        const std::lock_guard lock{mutex_};
        if (!movable_.empty() || !fixed_.empty()) {
            return false;
        }
        fall_asleep();
        return true;
    }

    /// Ends a running job: true when its reply is still owed, false when its deadline has already
    /// answered it. Jobs without a deadline need not ask. May be asked again after true.
    [[gnu::noinline]] bool claim_reply(J& job) noexcept {
        const MutexLock lock{mutex_};
        if (job.state == State::replied) {
            return false;
        }
        drop_deadline(job);
        return true;
    }

    /// For a submitter that wants job to end. Queued: it is taken out, and the caller answers it.
    /// Running: found_running(job) is called under the lock. Answered: nothing to do.
    template <typename FoundRunning>
    State withdraw(J& job, FoundRunning&& found_running) noexcept {
        const std::lock_guard lock{mutex_};
        const State was = job.state;
        if (was == State::queued) {
            remove(job);
            drop_deadline(job);
            job.state = State::replied;
            Tally::count(load_.tally.cancelled);
        } else if (was == State::running) {
            found_running(job);
        }
        return was;
    }

    /// A job that the caller has to answer because its time has come. It was queued, and never starts; or running, and
    /// runs on (add_owner(): its lane owns it as well).
    struct Overdue {
        J* job;
        State was;
    };

    /// One of them; for one that runs found_running(job) is called under the lock. Null when there is none left: then
    /// the alarm is set for what comes next, or not at all.
    template <typename FoundRunning>
    Overdue take_overdue(TimePoint now, FoundRunning&& found_running) noexcept {
        const std::lock_guard lock{mutex_};
        if (deadlines_.empty() || deadlines_.first().time > now) {
            follow(alarm_.settle(next_time()));
            return {nullptr, State::replied};
        }
        J& job = *deadlines_.first().job;
        drop_deadline(job);
        const State was = std::exchange(job.state, State::replied);
        if (was == State::queued) {
            remove(job);
        } else {
            job.add_owner();
            found_running(job);
        }
        Tally::count(load_.tally.expired);
        return {&job, was};
    }

    /// A job that was lent has ended; its reply is the caller's to send.
    void end_lent(J& job) noexcept {
        const std::lock_guard lock{mutex_};
        job.state = State::replied;
    }

    /// Turns away whoever comes from now on, and returns the queued jobs for the caller to answer.
    List close() noexcept {
        const std::lock_guard lock{mutex_};
        attention_ = Attention::closed;
        List queued;
        while (J* job = pop_front()) {
            drop_deadline(*job);
            drop_patience(*job);
            job->state = State::replied;
            Tally::count(load_.tally.stopped);
            queued.push_back(*job);
        }
        if (std::exchange(listed_, false)) {
            host_.unlist();
        }
        return queued;
    }

  private:
    /// What the worker does about jobs that come.
    enum class Attention : std::uint8_t {
        awake,   ///< it will find them
        asleep,  ///< it has to be woken
        closed,  ///< they are turned away, for good
    };

    void fall_asleep() noexcept {
        if (attention_ == Attention::awake) {
            attention_ = Attention::asleep;
        }
    }

    [[gnu::cold]] Push turn_away(J& job) noexcept {
        job.state = State::replied;  // a cancellation that comes now finds it decided
        Tally::count_exclusively(load_.submitted);
        Tally::count(load_.tally.stopped);
        return Push::closed;
    }

    /// waits was asked once, as others are counted meanwhile.
    [[gnu::always_inline]] inline Push append(J& job, bool waits) noexcept {
        job.order = Tally::count_exclusively(load_.submitted);
        (job.may_move ? movable_ : fixed_).push_back(job);
        if (!waits) {
            job.age = 0;
            return Push::queued;
        }
        job.age = host_.next_age();
        return !job.may_move || listed_ || deferred_ ? Push::queued : list_first();
    }

    /// A job waits that may move, and none did.
    [[gnu::noinline]] Push list_first() noexcept {
        if (next_queue().front().age == 0 && host_.defers()) {
            deferred_ = true;
            return Push::deferred;
        }
        list_anew();
        return Push::listed;
    }

    /// Some job waits that may move, or may not move any more. True if the inbox is listed now, which it was not.
    bool list_anew() noexcept {
        const J* const oldest = oldest_waiting();
        if (oldest != nullptr) {
            host_.list(oldest->age);
        } else {
            host_.unlist();
        }
        return !std::exchange(listed_, oldest != nullptr) && listed_;
    }

    /// The job that has waited longest for a permit, of those that may move; or null. (Few have a permit and are still
    /// queued: their worker is about to start them.)
    J* oldest_waiting() noexcept {
        auto job = movable_.begin();
        while (job != movable_.end() && job->age == 0) {
            ++job;
        }
        J* const exhausted = patients_.oldest();
        if (job == movable_.end()) {
            return exhausted;
        }
        return exhausted != nullptr && exhausted->age < job->age ? exhausted : &*job;
    }

    /// Whether the worker is about to start one of queue's jobs that did not wait for a permit. With those before it,
    /// and those that run, they were no more than there are permits.
    bool any_has_permit(List& queue) noexcept {
        std::size_t first_ones = load_.permits();
        for (auto job = queue.begin(); job != queue.end() && first_ones != 0; ++job, --first_ones) {
            if (job->age == 0) {
                return true;
            }
        }
        return false;
    }

    /// job runs on another worker.
    J* take_out(J& job) noexcept {
        remove(job);
        job.state = State::running;
        return &job;
    }

    /// The one of both queues whose turn it is.
    List& next_queue() noexcept {
        return fixed_.empty() || (!movable_.empty() && movable_.front().order < fixed_.front().order) ? movable_
                                                                                                      : fixed_;
    }

    [[gnu::always_inline]] inline J* pop_front() noexcept {
        return fixed_.empty() ? movable_.pop_front() : next_queue().pop_front();
    }

    void remove(J& job) noexcept {
        (job.may_move ? movable_ : fixed_).remove(job);
        drop_patience(job);
    }

    /// job is about to be queued: lists its deadline and its patience, if that is not null, and wakes the worker. Where
    /// it throws, nothing is listed.
    template <typename Wake>
    [[gnu::noinline]] void push_with_times(J& job, PatienceOfJob* patience, Wake&& wake) {
        try {
            bool needs_look = false;
            if (job.deadline) {
                deadlines_.push(job.deadline_place());
                needs_look = alarm_.needs_look(*job.deadline);
            }
            if (patience != nullptr) {
                patients_.add(*patience);
                needs_look = alarm_.needs_look(patience->ends) || needs_look;
            }
            if (needs_look) {
                host_.prepare_alarm();
            }
            if (attention_ == Attention::asleep) {
                wake();
                attention_ = Attention::awake;
            }
            if (needs_look) {
                call_look();  // behind the worker, if that has just been woken
            }
        } catch (...) {
            drop_deadline(job);
            drop_patience(job);
            throw;
        }
    }

    void call_look() noexcept {
        alarm_.look_is_called();
        host_.look_later();
    }

    /// When the next deadline or the next job's patience ends.
    std::optional<TimePoint> next_time() const noexcept {
        if (deadlines_.empty()) {
            return patients_.any_patient() ? std::optional<TimePoint>{patients_.next_end()} : std::nullopt;
        }
        const TimePoint time = deadlines_.first().time;
        return patients_.any_patient() && patients_.next_end() < time ? patients_.next_end() : time;
    }

    /// Does what the plan says. True for a look.
    bool follow(typename AlarmPlan<TimePoint>::Step step) noexcept {
        using Step = typename AlarmPlan<TimePoint>::Step;
        if (step == Step::set) {
            host_.set_alarm(*next_time());
        } else if (step == Step::clear) {
            host_.clear_alarm();
        }
        return step == Step::look_again;
    }

    void invite(PatienceOfJob& patience) noexcept {
        if (patience.other_home != no_worker) {
            patience.invited = true;
            host_.invite(patience);
        }
    }

    /// job leaves the queue, or has not come into it after all.
    void drop_patience(J& job) noexcept {
        PatienceOfJob* const patience = job.patience();
        if (patience == nullptr || patience->state == PatienceOfJob::State::none) {
            return;
        }
        patients_.remove(*patience);
        if (std::exchange(patience->invited, false)) {
            host_.uninvite(*patience);
        }
        call_alarm_off_if_unneeded();
    }

    /// A job is among the deadlines until its reply is decided.
    void drop_deadline(J& job) noexcept {
        if (job.deadline && deadlines_.remove(job.deadline_place())) {
            call_alarm_off_if_unneeded();
        }
    }

    void call_alarm_off_if_unneeded() noexcept {
        if (deadlines_.empty() && !patients_.any_patient() && alarm_.needs_look()) [[unlikely]] {
            call_alarm_off();
        }
    }

    [[gnu::noinline]] void call_alarm_off() noexcept {
        if (attention_ == Attention::closed) {
            follow(alarm_.settle(std::nullopt));  // no more jobs will need it, and the context may be gone
        } else {
            call_look();
        }
    }

    Mutex mutex_;
    WorkerLoad& load_;
    Host host_;
    /// The jobs that are queued: those that another worker may run, and those that it may not. Together they are one
    /// queue, by order.
    List movable_;
    List fixed_;
    bool listed_ = false;
    /// list_deferred() will be called.
    bool deferred_ = false;
    Deadlines<PlaceOfJob> deadlines_;
    Patients<PatienceOfJob> patients_;
    AlarmPlan<TimePoint> alarm_;
    Attention attention_ = Attention::asleep;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_INBOX_HPP
