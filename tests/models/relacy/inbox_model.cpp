// SPDX-License-Identifier: Apache-2.0
//
// detail/queue/inbox.hpp, on detail/base/mutex.hpp: two producers push a job each, and one of them wants its own back;
// the consumer is a worker that sleeps until it is woken. No job is lost or ends twice, no worker sleeps with
// a job queued, and it is woken once for each time that it fell asleep.

#include <explore.hpp>
#include <inbox_job.hpp>
#include <model_std.hpp>
#include <wake_ups.hpp>

#include <dispatch/detail/queue/inbox.hpp>

namespace {

struct Job : model::InboxJob<Job> {
    /// Written by the producer, read by who ends the job.
    model::Plain<int> request{0};
};

struct InboxModel : model::Execution, rl::test_suite<InboxModel, 3> {
    using Inbox = dispatch::detail::Inbox<Job, model::NoHost>;

    dispatch::detail::WorkerLoad load{{.max_concurrency = 1, .queue_capacity = 1}};
    Inbox inbox{load, {}};
    std::array<Job, 2> jobs;
    model::WakeUps wake_ups;

    // What the model itself keeps track of: no thread is interrupted between two of these.
    bool awake = false;
    int ended = 0;

    void thread(unsigned index) {
        if (index == 2) {
            return work();
        }
        Job& job = jobs[index];
        job.request = 1;
        const auto pushed = inbox.push(job, [this] {
            model::check(!awake, "the worker is woken again");
            awake = true;
            wake_ups.post();
        });
        model::check(pushed == Inbox::Push::queued, "an open inbox has refused a job");
        if (index == 0) {
            withdraw(job);
        }
    }

    void withdraw(Job& job) {
        int ticket = 0;
        switch (inbox.withdraw(job, [&](const Job& running) { ticket = running.ticket; })) {
            case Job::State::queued:
                return end(job);
            case Job::State::running:
                return model::check(ticket == 1, "the job runs elsewhere");
            case Job::State::replied:
                return model::check(false, "nobody has answered the job");
        }
    }

    /// As a worker's lanes do it: they take jobs until there are none, or look whether there are more.
    void work() {
        while (wake_ups.take()) {
            for (;;) {
                awake = false;
                Job* const job = inbox.pop(1);
                if (job == nullptr) {
                    break;
                }
                awake = true;
                end(*job);
                awake = false;
                if (inbox.try_sleep()) {
                    break;
                }
                awake = true;
            }
        }
    }

    void end(Job& job) {
        model::check(job.request == 1, "a job ends twice");
        job.request = 0;
        if (++ended == 2) {
            wake_ups.stop();
        }
    }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<InboxModel>(argc, argv, "3"); }
