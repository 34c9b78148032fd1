// SPDX-License-Identifier: Apache-2.0
//
// detail/run/lane_scheduler.hpp on detail/queue/inbox.hpp: a producer and, in the second model, somebody who stops the
// worker, beside the worker's strand, which runs one thing at a time, first in, first out. What the coroutines do
// (Lanes, HandlerRunner::run(), LaneLoop) is written down here; what they are told to do is not.
//
// Every job ends once; handlers that wait for one another are in progress at the same time where there are permits for
// that; no job is left while a permit is free; no permit is lost or doubled; after a stop every lane exits.

#include <explore.hpp>
#include <inbox_job.hpp>
#include <model_std.hpp>

#include <dispatch/detail/queue/inbox.hpp>
#include <dispatch/detail/run/lane_scheduler.hpp>

namespace {

using dispatch::detail::WorkerLoad;

constexpr std::size_t permits = 2;

struct Job : model::InboxJob<Job> {
    /// Its handler is suspended until so many have started; 0: it is not suspended.
    int waits_for = 0;
};

struct Lane : dispatch::detail::ScheduledLane {
    /// Whose handler is suspended.
    Job* in = nullptr;
};

using Scheduler = dispatch::detail::LaneScheduler<Lane>;

/// A worker, and the functions that its strand has to run.
class Worker {
  public:
    // Any thread.

    bool push(Job& job) {
        return inbox_.push(job, [this] { post(Event::wake_up); }) == Inbox::Push::queued;
    }

    int stop() {
        int answered = 0;
        auto queued = inbox_.close();
        while (queued.pop_front() != nullptr) {
            ++answered;
        }
        post(Event::wind_down);
        return answered;
    }

    /// The strand has nothing left to do, and nobody is left who would give it anything.
    void close() {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        changed_.notify_all();
    }

    // The strand's thread.

    void work() {
        rest(lanes_[lane_count_++]);
        for (Event event{}; take(event);) {
            switch (event) {
                case Event::wake_up:
                    run();
                    break;
                case Event::handlers_end:
                    end_handlers();
                    break;
                case Event::lane_granted:
                    lane_granted();
                    break;
                case Event::wind_down:
                    scheduler_.wind_down();
                    for (std::size_t parked = 0; Lane* lane = scheduler_.take_parked(); ++parked) {
                        model::check(parked != permits, "a lane parks again");
                        rest(*lane);
                    }
                    end_handlers();  // they are cancelled
                    break;
            }
        }
    }

    int ended() const { return ended_; }
    std::size_t lanes_there() const { return lane_count_ - exited_; }
    std::size_t free_permits() const { return scheduler_.free_permits() + (standby_has_one() ? 1 : 0); }

    // What the scheduler asks for.

    void resume(Lane& lane) {
        model::check(lane.has_permit, "a lane without a permit is to run jobs");
        scheduler_.begin(lane);
        run_jobs(lane);
    }
    void add_lane() { post(Event::lane_granted); }
    bool try_sleep() { return inbox_.try_sleep(); }
    bool try_yield() {
        if (--turn_ != 0) {
            return false;
        }
        post(Event::wake_up);
        return true;
    }

  private:
    using Inbox = dispatch::detail::Inbox<Job, model::NoHost>;

    enum class Event : std::uint8_t { wake_up, handlers_end, lane_granted, wind_down };

    void post(Event event) {
        const std::lock_guard lock{mutex_};
        events_[last_++ % events_.size()] = event;
        model::check(last_ - first_ <= events_.size(), "the model's queue is too short");
        changed_.notify_all();
    }

    bool take(Event& event) {
        std::unique_lock lock{mutex_};
        while (first_ == last_ && !closed_) {
            changed_.wait(lock);
        }
        if (first_ == last_) {
            return false;
        }
        event = events_[first_++ % events_.size()];
        return true;
    }

    void run() {
        turn_ = 2;
        scheduler_.run(*this);
    }

    void run_jobs(Lane& lane) {
        while (Job* job = inbox_.pop(1)) {
            model::check(++in_progress_ <= permits, "there are more jobs in progress than permits");
            ++started_;
            if (job->waits_for != 0 && !scheduler_.winding_down()) {
                lane.in = job;
                if (started_ >= job->waits_for) {
                    post(Event::handlers_end);
                }
                return;
            }
            end();
            if (try_yield()) {
                break;
            }
        }
        scheduler_.end(lane);
        rest(lane);
    }

    void end_handlers() {
        for (std::size_t i = 0; i != lane_count_; ++i) {
            if (const Job* const job = lanes_[i].in; job != nullptr) {
                if (started_ >= job->waits_for || scheduler_.winding_down()) {
                    lanes_[i].in = nullptr;
                    end();
                    run_jobs(lanes_[i]);
                }
            }
        }
    }

    void end() {
        --in_progress_;
        ++ended_;
    }

    void rest(Lane& lane) {
        const auto rest = scheduler_.rest(lane);
        model::check(rest.surplus == nullptr, "there are too few lanes for that");
        exited_ += rest.parks ? 0 : 1;
    }

    void lane_granted() {
        scheduler_.permit_returned();
        if (scheduler_.winding_down() || inbox_.try_sleep()) {
            return;
        }
        if (scheduler_.add_is_due()) {
            model::check(lane_count_ != permits, "there are more lanes than permits");
            rest(lanes_[lane_count_++]);
        }
        run();
    }

    bool standby_has_one() const {
        return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.has_permit; });
    }

    WorkerLoad load_{{.max_concurrency = permits, .queue_capacity = 4}};
    Inbox inbox_{load_, {}};
    Scheduler scheduler_{permits};
    std::array<Lane, permits> lanes_;
    std::size_t lane_count_ = 0;
    std::size_t exited_ = 0;
    std::size_t turn_ = 2;
    int started_ = 0;
    std::size_t in_progress_ = 0;
    int ended_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::array<Event, 8> events_{};
    std::size_t first_ = 0;
    std::size_t last_ = 0;
    bool closed_ = false;
};

/// A worker, two threads that use it, and jobs of which two wait for one another in their handlers.
template <std::size_t job_count>
struct Used : model::Execution {
    Worker worker;
    std::array<Job, job_count> jobs;

    void before() {
        jobs[0].waits_for = 2;
        jobs[2].waits_for = 2;
    }

    /// A user has done what it does. (No thread is interrupted where it counts.)
    void leave() {
        if (--users_ == 0) {
            worker.close();
        }
    }

    void check_permits() {
        model::check(worker.free_permits() == permits, "a permit is lost, or there is one too many");
    }

  private:
    int users_ = 2;
};

/// Two threads push.
struct WorkModel : Used<4>, rl::test_suite<WorkModel, 3> {
    void before() { Used::before(); }

    void thread(unsigned index) {
        if (index == 2) {
            return worker.work();
        }
        for (std::size_t i = 2 * index; i != 2 * index + 2; ++i) {
            model::check(worker.push(jobs[i]), "an open inbox has refused a job");
        }
        leave();
    }

    void after() {
        model::check(worker.ended() == 4, "a job is left");
        check_permits();
    }
};

/// One thread pushes, another one stops the worker.
struct StopModel : Used<3>, rl::test_suite<StopModel, 3> {
    int answered = 0;

    void before() { Used::before(); }

    void thread(unsigned index) {
        if (index == 2) {
            return worker.work();
        }
        if (index == 0) {
            for (Job& job : jobs) {
                answered += worker.push(job) ? 0 : 1;
            }
        } else {
            answered += worker.stop();
        }
        leave();
    }

    void after() {
        model::check(worker.ended() + answered == 3, "a job is left, or ends twice");
        model::check(worker.lanes_there() == 0, "a lane is left");
        check_permits();
    }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<WorkModel, StopModel>(argc, argv, "3"); }
