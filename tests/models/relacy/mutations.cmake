# SPDX-License-Identifier: Apache-2.0
#
# Mistakes, each of which one of the models must notice: mutation(MODEL NAME HEADER OLD NEW FINDS).

# detail/base/mutex.hpp
mutation(mutex lock_relaxed detail/base/mutex.hpp
    [[if (!state_.compare_exchange_strong(expected, State::held, std::memory_order_acquire,]]
    [[if (!state_.compare_exchange_strong(expected, State::held, std::memory_order_relaxed,]] "DATA RACE")
mutation(mutex spin_relaxed detail/base/mutex.hpp
    [[state_.compare_exchange_weak(expected, State::held, std::memory_order_acquire,]]
    [[state_.compare_exchange_weak(expected, State::held, std::memory_order_relaxed,]] "DATA RACE")
mutation(mutex park_relaxed detail/base/mutex.hpp
    [[exchange(State::awaited, std::memory_order_acquire)]] [[exchange(State::awaited, std::memory_order_relaxed)]]
    "DATA RACE")
mutation(mutex unlock_relaxed detail/base/mutex.hpp
    [[exchange(State::free, std::memory_order_release)]] [[exchange(State::free, std::memory_order_relaxed)]]
    "DATA RACE")
mutation(mutex wakes_without_parking_mutex detail/base/mutex.hpp
    [[const std::lock_guard lock{parking.mutex};]] "" "DEADLOCK")
mutation(mutex sleeps_unannounced detail/base/mutex.hpp
    [[exchange(State::awaited, std::memory_order_acquire)]] [[exchange(State::held, std::memory_order_acquire)]]
    "DEADLOCK")
mutation(mutex takes_what_is_held detail/base/mutex.hpp
    [[State expected = State::free;
            if (state_.load(]] [[State expected = state_.load(std::memory_order_relaxed);
            if (state_.load(]] "two hold the lock|DATA RACE")

# detail/queue/inbox.hpp
mutation(inbox stays_asleep detail/queue/inbox.hpp [[            attention_ = Attention::awake;
        }
        return append]] [[        }
        return append]] "the worker is woken again")
mutation(inbox does_not_wake detail/queue/inbox.hpp [[            wake();
            attention_]] [[            static_cast<void>(wake);
            attention_]] "DEADLOCK")
mutation(inbox pop_does_not_sleep detail/queue/inbox.hpp [[            fall_asleep();
]] "" "DEADLOCK")
mutation(inbox pop_sleeps_outside_the_lock detail/queue/inbox.hpp [[            fall_asleep();
        }
        return job;]] [[            mutex_.unlock();
            fall_asleep();
            mutex_.lock();
        }
        return job;]] "DATA RACE|DEADLOCK")
mutation(inbox try_sleep_without_the_lock detail/queue/inbox.hpp [[        const std::lock_guard lock{mutex_};
        if (!movable_.empty() || !fixed_.empty()) {]] [[        if (!movable_.empty() || !fixed_.empty()) {]] "DATA RACE")
mutation(inbox withdraw_without_the_lock detail/queue/inbox.hpp [[        const std::lock_guard lock{mutex_};
        const State was = job.state;]] [[        const State was = job.state;]] "DATA RACE")
mutation(inbox pop_does_not_say_running detail/queue/inbox.hpp [[            job->state = State::running;
]] "" "a job ends twice|DATA RACE|UNITIALIZED|SEGV")

# detail/queue/backlog.hpp, and what a worker and its inbox do for it
mutation(backlog any_relaxed detail/queue/backlog.hpp
    [[return any_.load(std::memory_order_seq_cst);]] [[return any_.load(std::memory_order_relaxed);]]
    "DEADLOCK")
mutation(backlog list_relaxed detail/queue/backlog.hpp
    [[any_.store(true, std::memory_order_seq_cst);]] [[any_.store(true, std::memory_order_relaxed);]] "DEADLOCK")
mutation(backlog has_free_permit_relaxed detail/route/worker_load.hpp
    [[return load_.load(std::memory_order_seq_cst) < concurrency_;]]
    [[return load_.load(std::memory_order_relaxed) < concurrency_;]] "DEADLOCK")
mutation(backlog release_acq_rel detail/route/worker_load.hpp
    [[load_.fetch_sub(jobs, std::memory_order_seq_cst)]] [[load_.fetch_sub(jobs, std::memory_order_acq_rel)]] "DEADLOCK")
mutation(backlog wakes_without_the_lock detail/queue/inbox.hpp
    [[        const std::lock_guard lock{mutex_};
        if (attention_ != Attention::asleep) {]] [[        if (attention_ != Attention::asleep) {]] "DATA RACE")
mutation(backlog lends_without_the_lock detail/queue/inbox.hpp
    [[        const std::lock_guard lock{mutex_};
        J* const oldest = oldest_waiting();
        J* lent]] [[        J* const oldest = oldest_waiting();
        J* lent]] "DATA RACE")
mutation(backlog lends_and_keeps detail/queue/inbox.hpp [[        remove(job);
        job.state = State::running;]] [[        job.state = State::running;]] "a job ends twice|DATA RACE")
mutation(backlog lent_is_not_running detail/queue/inbox.hpp [[        job.state = State::running;
        return &job;]] [[        return &job;]] "DEADLOCK|a job ends twice")
mutation(backlog lists_and_calls_nobody detail/queue/inbox.hpp [[return Push::listed;]] [[return Push::queued;]]
    "DEADLOCK")
mutation(backlog lists_late_and_calls_nobody detail/queue/backlog.hpp [[        if (lists) {
            call();
        }]] "" "DEADLOCK")
mutation_of_model(backlog never_lists_what_was_deferred [[        backlog.list_deferred();
]] "" "DEADLOCK")
mutation(backlog lists_late_without_the_lock detail/queue/inbox.hpp [[        const std::lock_guard lock{mutex_};
        deferred_ = false;]] [[        deferred_ = false;]] "DATA RACE|DEADLOCK")
mutation_of_model(backlog looks_before_it_frees_its_load [[                load_.release();
            }]] [[                const bool any = backlog_.any();
                load_.release();
                if (!any && inbox_.try_sleep()) {
                    break;
                }
            }]] "DEADLOCK")
mutation_of_model(backlog forgets_the_lender [[                lender->find_work();
]] "" "DEADLOCK")
mutation_of_model(backlog forgets_who_takes_back [[            load_.release();
            find_work();]] [[            load_.release();]] "DEADLOCK")

# detail/execute/run_queue.hpp and detail/execute/task_queue.hpp
mutation(run_queue waits_until_it_has_looked detail/execute/run_queue.hpp
    [=[        invoker_waits_.store(false, std::memory_order_relaxed);
        std::size_t looks = invoker.slice.looks();
        do {
            Task* task = nullptr;
            if (std::exchange(looks, invoker.slice.looks()) == invoker.slice.looks() || !has_others()) [[likely]] {
                task = invoker.local.pop();
            } else {
                take_from_stuck(invoker);
            }
            if (task == nullptr) {
                const Find find = search(invoker);]=]
    [=[        std::size_t looks = invoker.slice.looks();
        do {
            Task* task = nullptr;
            if (std::exchange(looks, invoker.slice.looks()) == invoker.slice.looks() || !has_others()) [[likely]] {
                task = invoker.local.pop();
            } else {
                take_from_stuck(invoker);
            }
            if (task == nullptr) {
                const Find find = search(invoker);
                invoker_waits_.store(false, std::memory_order_relaxed);]=] "two invokers wait|DEADLOCK")
mutation(run_queue calls_none_for_what_is_left detail/execute/run_queue.hpp
    [[if (find.leaves_more && claim_invoker()) {]] [[if (false) {]] "DEADLOCK")
mutation(run_queue leaves_tasks_in_its_queue detail/execute/run_queue.hpp
    [[        invoker.local.splice_into(inject_);
]] "" "DEADLOCK")
mutation(run_queue looks_before_it_pushes detail/execute/run_queue.hpp
    [[        Invoker* const invoker = current();
        if (!(invoker]] [[        Invoker* const invoker = current();
        const Push push = claim_invoker() ? Push::first : Push::queued;
        if (!(invoker != nullptr ? invoker->local : inject_).push(task)) {
            return Push::closed;
        }
        return push;
        if (!(invoker]] "DEADLOCK")
mutation(run_queue calls_two detail/execute/run_queue.hpp
    [[!invoker_waits_.exchange(true, std::memory_order_relaxed);]]
    [[(invoker_waits_.store(true, std::memory_order_relaxed), true);]] "two invokers wait")
mutation(run_queue steals_no_single_task detail/execute/task_queue.hpp
    [[std::min((count() + 1) / 2, limit)]] [[std::min(count() / 2, limit)]] "DEADLOCK")
mutation(run_queue shelf_push_without_the_lock detail/execute/task_queue.hpp
    [[        const MutexLock lock{mutex_};
        if (closed_) ]] [[        if (closed_) ]] "DATA RACE")
mutation(run_queue steals_without_the_lock detail/execute/task_queue.hpp
    [[        const std::lock_guard lock{mutex_};
        const std::lock_guard lock_to{to.mutex_};
        const std::size_t given]] [[        const std::lock_guard lock_to{to.mutex_};
        const std::size_t given]] "DATA RACE")

# detail/route/admission.hpp, detail/route/worker_load.hpp and detail/route/router.hpp
mutation(admission open_acquire detail/route/admission.hpp
    [[return phase_.load(std::memory_order_seq_cst) == Phase::open;]]
    [[return phase_.load(std::memory_order_acquire) == Phase::open;]] "USER ASSERT FAILED")
mutation(admission idle_acquire detail/route/worker_load.hpp
    [[return load_.load(std::memory_order_seq_cst) == 0;]] [[return load_.load(std::memory_order_acquire) == 0;]]
    "USER ASSERT FAILED")
mutation(admission reserve_acq_rel detail/route/worker_load.hpp
    [[seen + 1, std::memory_order_seq_cst,]] [[seen + 1, std::memory_order_acq_rel,]]
    "USER ASSERT FAILED|DATA RACE")
mutation(admission release_relaxed detail/route/worker_load.hpp
    [[load_.fetch_sub(jobs, std::memory_order_seq_cst)]] [[load_.fetch_sub(jobs, std::memory_order_relaxed)]]
    "DATA RACE")
mutation(admission close_acq_rel detail/route/admission.hpp
    [[phase_.compare_exchange_weak(seen, phase, std::memory_order_seq_cst)]]
    [[phase_.compare_exchange_weak(seen, phase, std::memory_order_acq_rel)]] "USER ASSERT FAILED")
mutation(admission looks_at_the_gate_first detail/route/router.hpp
    [[        return admit(key ?]] [[        if (admission_.open()) {
            return key ? route_pinned(*key, overflow, now()) : choose(Purpose::job, overflow);
        }
        return admit(key ?]] "USER ASSERT FAILED|DATA RACE")
mutation(admission keeps_the_load detail/route/router.hpp
    [[            workers_[route.worker].release();
]] "" "nobody sees that all have left")
mutation(admission looks_at_no_worker_again detail/route/admission.hpp
    [[        idle_workers_ = std::min(idle_workers_, worker);
]] [[        static_cast<void>(worker);
]] "drained while a job is between two workers")
mutation_of_model(admission gives_the_load_back_first [[        admission.moved_to(0);
        release(loads[1]);]] [[        release(loads[1]);
        admission.moved_to(0);]] "drained while a job is between two workers")

# detail/base/sharded_ptr.hpp
mutation(sharded_count drop_relaxed detail/base/sharded_ptr.hpp
    [[shard().fetch_sub(1, std::memory_order_release)]] [[shard().fetch_sub(1, std::memory_order_relaxed)]] "DATA RACE")
mutation(sharded_count close_relaxed detail/base/sharded_ptr.hpp
    [[exchange(closed_from, std::memory_order_acquire)]] [[exchange(closed_from, std::memory_order_relaxed)]] "DATA RACE")
mutation(sharded_count total_relaxed detail/base/sharded_ptr.hpp
    [[total_.fetch_sub(1, std::memory_order_acq_rel)]] [[total_.fetch_sub(1, std::memory_order_relaxed)]] "DATA RACE")
mutation(sharded_count late_add_is_lost detail/base/sharded_ptr.hpp
    [[            total_.fetch_add(1, std::memory_order_relaxed);
]] "" "USER ASSERT FAILED|DATA RACE")
mutation(sharded_count owner_counts_one detail/base/sharded_ptr.hpp
    [[std::int64_t owner = std::numeric_limits<std::int64_t>::max() / 2;]] [[std::int64_t owner = 1;]]
    "USER ASSERT FAILED|DATA RACE")

# detail/run/lane_scheduler.hpp
mutation(lanes parked_keeps_its_permit detail/run/lane_scheduler.hpp
    [[        give_permit_back(lane);
        if (winding_down_ || lane.surplus) {]] [[        if (winding_down_ || lane.surplus) {]] "USER ASSERT FAILED")
mutation(lanes asks_for_no_lane detail/run/lane_scheduler.hpp
    [[return {Next::add, nullptr};]] [[permit_returned();
        return {Next::nothing, nullptr};]] "USER ASSERT FAILED")
mutation(lanes one_lane_a_wake_up detail/run/lane_scheduler.hpp
    [[if (!step.lane->running || host.try_sleep() || host.try_yield()) {]] [[if (true) {]] "USER ASSERT FAILED")
mutation(lanes lends_a_permit_for_good detail/run/lane_scheduler.hpp
    [[        permit_is_lent_ = false;
        ++free_permits_;]] [[        permit_is_lent_ = false;]] "USER ASSERT FAILED")
mutation(lanes wind_down_forgets_standby detail/run/lane_scheduler.hpp
    [[            give_permit_back(*lane);
            return lane;]] [[            give_permit_back(*lane);]] "USER ASSERT FAILED")
mutation(lanes parks_while_it_winds_down detail/run/lane_scheduler.hpp
    [[if (winding_down_ || lane.surplus) {]] [[if (lane.surplus) {]] "USER ASSERT FAILED")
mutation(lanes a_new_lane_gets_the_permit_twice detail/run/lane_scheduler.hpp
    [[            --free_permits_;
            lane->has_permit = true;]] [[            lane->has_permit = true;]] "USER ASSERT FAILED")
