// SPDX-License-Identifier: Apache-2.0
//
// detail/queue/backlog.hpp, on detail/queue/inbox.hpp and detail/route/worker_load.hpp: a producer pushes jobs that may
// move, and two workers with one permit each run them. What a worker does (Worker, and Lanes with one lane) is written
// down here.
//
// Every job ends once, and no load is left. No job waits while a worker is asleep with its permit free: some handlers
// return only when another job has started, and never do if that one waits.

#include <explore.hpp>
#include <inbox_job.hpp>
#include <model_std.hpp>
#include <wake_ups.hpp>

#include <dispatch/detail/queue/backlog.hpp>
#include <dispatch/detail/queue/inbox.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace {

using dispatch::detail::WorkerLoad;
using dispatch::detail::WorkerSet;

struct Job : model::InboxJob<Job> {
    /// Whose start its handler waits for; null: it does not.
    Job* waits_for = nullptr;
    bool awaited = false;
    model::WakeUps started;
    /// Written by the producer, read by who ends the job.
    model::Plain<int> request{0};

    void wait_for(Job& other) {
        waits_for = &other;
        other.awaited = true;
    }
};

class Worker;
using Backlog = dispatch::detail::Backlog<Worker>;

/// What a job that has ended is told to.
class Jobs {
  public:
    virtual void ended() = 0;

  protected:
    ~Jobs() = default;
};

class Worker {
  public:
    /// With defers, list_deferred() of the backlog is called after pushes.
    Worker(std::size_t number, WorkerLoad& load, Backlog& backlog, Jobs& jobs, bool defers)
        : number_{number}, load_{load}, backlog_{backlog}, jobs_{jobs}, inbox_{load, {number, backlog, defers}} {
        load.lend(true);
    }

    // Any thread.

    WorkerLoad* load() noexcept { return &load_; }

    void push(Job& job) {
        job.request = 1;
        job.may_move = true;
        load_.reserve();
        switch (inbox_.push(job, [this] { wake_ups_.post(); })) {
            case Inbox::Push::listed:
                return backlog_.call();
            case Inbox::Push::deferred:
                return static_cast<void>(backlog_.defer(number_));
            default:
                return;
        }
    }

    bool list_deferred() noexcept { return inbox_.list_deferred(); }

    bool search() noexcept {
        return inbox_.wake_sleeper([this] {
            ++searches_;
            wake_ups_.post();
        });
    }

    /// The submitter no longer wants job, which was pushed here.
    void withdraw(Job& job) {
        if (inbox_.withdraw(job, [](const Job& /*running*/) {}) == Job::State::queued) {
            end(job);
            load_.release();
            find_work();
        }
    }

    void stop() { wake_ups_.stop(); }

    // Its own thread.

    void work() {
        while (wake_ups_.take()) {
            if (searches_ != 0) {
                --searches_;
                backlog_.call();
            }
            while (Job* const job = next_job()) {
                run(*job);
                load_.release();
            }
        }
    }

  private:
    struct Host {
        std::size_t number;
        Backlog& backlog;
        bool its_jobs_may_be_deferred;

        bool defers() const noexcept { return its_jobs_may_be_deferred; }
        void prepare_alarm() noexcept {}
        void set_alarm(int /*time*/) noexcept {}
        void look_later() noexcept {}
        void clear_alarm() noexcept {}
        std::uint64_t next_age() noexcept { return backlog.next_age(); }
        void list(std::uint64_t age) noexcept { backlog.list(number, age); }
        void unlist() noexcept { backlog.unlist(number); }
        void invite(dispatch::detail::Patience<Job, int>& /*guest*/) noexcept {}
        void uninvite(dispatch::detail::Patience<Job, int>& /*guest*/) noexcept {}
    };

    using Inbox = dispatch::detail::Inbox<Job, Host>;

    Job* next_job() {
        Job* const job = inbox_.pop(1);
        return job == nullptr && backlog_.any() ? take() : job;
    }

    Job* take() {
        while (load_.has_free_permit()) {
            backlog_.list_deferred_now();
            const auto [lender, age] = backlog_.oldest();
            if (lender == nullptr) {
                return nullptr;
            }
            if (lender.get() == this) {
                if (Job* const job = inbox_.pop(1)) {
                    return job;
                }
                inbox_.correct_listing();
                continue;
            }
            if (Job* const job = lender->inbox_.lend(age, [this](Job&) { return load_.try_reserve_permit(); })) {
                lender->load_.release();
                lender->find_work();
                backlog_.call();
                return job;
            }
        }
        return nullptr;
    }

    void find_work() {
        if (backlog_.any()) {
            backlog_.call(*this);
        }
    }

    void run(Job& job) {
        if (job.awaited) {
            job.started.stop();
        }
        if (job.waits_for != nullptr) {
            job.waits_for->started.take();
        }
        end(job);
    }

    void end(Job& job) {
        model::check(job.request == 1, "a job ends twice");
        job.request = 0;
        jobs_.ended();
    }

    const std::size_t number_;
    WorkerLoad& load_;
    Backlog& backlog_;
    Jobs& jobs_;
    Inbox inbox_;
    model::WakeUps wake_ups_;
    // What the model itself keeps track of: no thread is interrupted between two of these.
    int searches_ = 0;
};

/// Two workers, and as many jobs.
template <std::size_t job_count, bool defers = false>
struct Pool : model::Execution, Jobs {
    std::array<WorkerLoad, 2> loads{WorkerLoad{options}, WorkerLoad{options}};
    WorkerSet set{{unowned(loads[0]), unowned(loads[1])}};
    Backlog backlog{set};
    std::array<Worker, 2> workers{Worker{0, loads[0], backlog, *this, defers},
                                  Worker{1, loads[1], backlog, *this, defers}};
    std::array<std::shared_ptr<Worker>, 2> handles{unowned(workers[0]), unowned(workers[1])};
    std::array<Job, job_count> jobs;
    std::size_t ended_jobs = 0;

    void before() {
        backlog.join(0, handles[0]);
        backlog.join(1, handles[1]);
    }

    void ended() override {
        if (++ended_jobs == job_count) {
            workers[0].stop();
            workers[1].stop();
        }
    }

    void after() {
        model::check(ended_jobs == job_count, "a job is left");
        model::check(loads[0].idle() && loads[1].idle(), "a job is still counted");
    }

  private:
    static constexpr dispatch::WorkerOptions options{.max_concurrency = 1, .queue_capacity = 1};

    template <typename T>
    static std::shared_ptr<T> unowned(T& object) {
        return {&object, [](T*) {}};
    }
};

/// Two jobs come to one worker while the other one has a job of its own, which may be taken back. The first ends only
/// when the second has started: that one must move.
struct BusyModel : Pool<3>, rl::test_suite<BusyModel, 3> {
    void before() {
        Pool::before();
        jobs[1].wait_for(jobs[2]);
        workers[1].push(jobs[0]);
    }

    void thread(unsigned index) {
        if (index != 2) {
            return workers[index].work();
        }
        workers[0].push(jobs[1]);
        workers[0].push(jobs[2]);
        workers[1].withdraw(jobs[0]);
    }
    void after() { Pool::after(); }
};

/// The same where what waits behind a job that is about to start is listed later.
struct DeferringModel : Pool<3, true>, rl::test_suite<DeferringModel, 3> {
    void before() {
        Pool::before();
        jobs[1].wait_for(jobs[2]);
        workers[1].push(jobs[0]);
    }

    void thread(unsigned index) {
        if (index != 2) {
            return workers[index].work();
        }
        workers[0].push(jobs[1]);
        workers[0].push(jobs[2]);
        backlog.list_deferred();
    }
    void after() { Pool::after(); }
};

/// A job that may have moved ends only when another one has started, which comes to the worker that it may have moved
/// to: that one must move the other way. And the former may be taken back.
struct CrossModel : Pool<3>, rl::test_suite<CrossModel, 3> {
    void before() {
        Pool::before();
        jobs[1].wait_for(jobs[2]);
        workers[0].push(jobs[0]);
        workers[0].push(jobs[1]);
    }

    void thread(unsigned index) {
        if (index != 2) {
            return workers[index].work();
        }
        workers[1].push(jobs[2]);
        workers[0].withdraw(jobs[1]);
    }
    void after() { Pool::after(); }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<BusyModel, DeferringModel, CrossModel>(argc, argv, "1"); }
