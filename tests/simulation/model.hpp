// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_MODEL_HPP
#define DISPATCH_TESTS_SIMULATION_MODEL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <dispatch/metrics.hpp>

#include "complaints.hpp"
#include "program.hpp"
#include "routing_model.hpp"
#include "virtual_time.hpp"

namespace sim {

/// How a handler ended, or what a submitter heard.
enum class Ending : std::uint8_t {
    value,
    handler_error,
    aborted,
    queue_full,
    deadline_exceeded,
    stopped,
    abandoned,
    other
};

inline const char* name(Ending ending) {
    static constexpr const char* names[] = {"a value",    "the handler's error", "operation_aborted",
                                            "queue_full", "deadline_exceeded",   "stopped",
                                            "abandoned",  "something else"};
    return names[static_cast<int>(ending)];
}

/// What a pool may do: told of all that happens, it says what must not be. It knows of no queues, permits,
/// lanes or strands: a job is queued, runs, has ended, or was decided before it could start.
class Model {
  public:
    /// now() is the time.
    Model(const Program& program, Complaints& complaints, std::function<Time()> now)
        : now_{std::move(now)},
          concurrency_{RoutingModel::concurrency(program)},
          jobs_(program.jobs.size()),
          workers_(program.workers),
          complaints_{complaints},
          routing_{program, complaints, now_} {}

    using Rows = std::vector<dispatch::WorkerMetrics>;

    /// A job was submitted; the workers' figures before and after.
    void submitted(std::size_t number, const JobPlan& plan, bool may_wait, std::optional<Time> deadline,
                   const Rows& before, const Rows& after) {
        Job& job = jobs_[number];
        ++submitted_;
        job.deadline = deadline;
        job.droppable = false;
        const std::vector<std::size_t> loads = loads_of(before);
        const std::optional<std::size_t> chosen = who_got_it(number, loads, loads_of(after));
        if (closed_) {
            complaints_.unless(!chosen, "#", number, " was accepted by a closed pool");
            return decide(job, Job::Stage::refused, {Ending::stopped});
        }
        const RoutingModel::Routed routed = routing_.routed(number, plan, may_wait, loads, chosen);
        if (!chosen) {
            return decide(job, Job::Stage::refused, {Ending::queue_full});
        }
        job.stage = Job::Stage::queued;
        job.worker = *chosen;
        job.place = ++last_place_;
        job.routed = routed;
        job.session = plan.session;
        job.waits = loads[*chosen] >= concurrency_;
    }

    /// The worker to which a job was routed.
    std::size_t routed_to(std::size_t number) const { return jobs_[number].worker; }

    /// Whether a job that runs on that worker has moved.
    bool moves(std::size_t number, std::size_t on) const {
        return jobs_[number].worker != on || jobs_[number].routed.past_homes;
    }

    /// Its submitter's signal reaches the pool now.
    void cancelled(std::size_t number) {
        Job& job = jobs_[number];
        if (job.stage == Job::Stage::queued) {
            decide(job, Job::Stage::decided, {Ending::aborted});
        } else if (job.stage == Job::Stage::running) {
            job.cancelled = true;
        }
    }

    /// It may be cancelled at any time from now on, without this being told.
    void may_be_cancelled(std::size_t number) { jobs_[number].restless = true; }

    void closed() { closed_ = true; }

    void stopped() {
        closed_ = true;
        for (Job& job : jobs_) {
            if (job.stage == Job::Stage::queued) {
                const bool restless = job.restless;
                decide(job, Job::Stage::decided, {Ending::stopped});
                if (restless) {
                    job.allow(Ending::aborted);
                }
            } else if (job.stage == Job::Stage::running) {
                job.stopped = true;
            }
        }
    }

    /// What has not been decided is dropped; replies that are on the way may be.
    void context_gone() {
        stopped();
        context_gone_ = true;
        for (Job& job : jobs_) {
            job.droppable = true;
            if (is_late(job)) {
                job.allow(Ending::deadline_exceeded);
            }
        }
    }

    /// On that worker.
    void started(std::size_t number, std::size_t on) {
        Job& job = jobs_[number];
        Worker& worker = workers_[on];
        complaints_.unless(job.stage == Job::Stage::queued, "#", number, " started though it was decided already");
        complaints_.unless(!is_late(job), "#", number, " started after its deadline");
        complaints_.unless(worker.running < concurrency_, "#", number, " started without a permit");
        if (on == job.worker) {
            complaints_.unless(job.place > worker.last_started, "#", number, " was overtaken in its queue");
            check_guests(number, on);
            worker.last_started = std::max(worker.last_started, job.place);
        } else {
            check_move(number, on);
            routing_.moved(job.session, on);
        }
        moved_ += moves(number, on) ? 1 : 0;
        ++worker.running;
        job.runs_on = on;
        job.stage = Job::Stage::running;
    }

    /// The handler waits for something, and will hear a cancellation.
    void listens(std::size_t number, bool listens) { jobs_[number].listens = listens; }

    /// Its handler is on the way to another executor or back.
    void travels(std::size_t number) { jobs_[number].travels = true; }

    void ended(std::size_t number, Ending how) {
        Job& job = jobs_[number];
        --workers_[job.runs_on].running;
        job.listens = false;
        complaints_.unless(how != Ending::aborted || job.cancelled || job.stopped || job.restless || is_late(job), "#",
                           number, "'s handler was cancelled by nobody");
        decide(job, Job::Stage::ended, {how});
        job.heard_cancellation = how == Ending::aborted;
    }

    /// Its handler was destroyed on the way; as it was to be, or because the context is gone.
    void abandoned(std::size_t number, bool vanishes) {
        Job& job = jobs_[number];
        --workers_[job.runs_on].running;
        job.listens = false;
        complaints_.unless(context_gone_ || vanishes, "#", number, "'s handler was destroyed");
        if (vanishes) {
            decide(job, Job::Stage::ended, {Ending::abandoned});
        }
        job.stage = Job::Stage::ended;
    }

    void completed(std::size_t number, Ending how) {
        Job& job = jobs_[number];
        complaints_.unless(!job.completed, "#", number, " was completed twice");
        bool allowed = (job.allowed >> static_cast<unsigned>(how) & 1U) != 0;
        if (job.stage == Job::Stage::queued || job.stage == Job::Stage::running) {
            allowed = (how == Ending::deadline_exceeded && is_late(job)) ||
                      (how == Ending::aborted && job.restless && job.stage == Job::Stage::queued);
            if (job.stage == Job::Stage::queued) {
                job.stage = Job::Stage::decided;
            }
        }
        complaints_.unless(allowed, "#", number, " heard ", name(how));
        job.completed = true;
        job.heard = how;
    }

    /// Of a job that will never be heard of.
    bool is_open(std::size_t number) const {
        const Job& job = jobs_[number];
        return job.stage != Job::Stage::unborn && !job.completed && !job.droppable;
    }
    bool any_open() const {
        for (std::size_t number = 0; number != jobs_.size(); ++number) {
            if (is_open(number)) {
                return true;
            }
        }
        return false;
    }
    bool is_completed(std::size_t number) const { return jobs_[number].completed; }

    /// Whether something that was accepted has not ended. Some of that may have ended without this being told.
    bool is_busy() const {
        return std::any_of(jobs_.begin(), jobs_.end(), [this](const Job& job) { return counts_for_sure(job); });
    }

    /// Whether all that was accepted has ended.
    bool is_idle() const {
        return std::none_of(jobs_.begin(), jobs_.end(), [](const Job& job) {
            return job.stage == Job::Stage::queued || job.stage == Job::Stage::running;
        });
    }

    /// What the pool's figures may be, between two functions.
    void check_figures(const Rows& rows) {
        std::size_t sessions = 0;
        const std::vector<std::size_t> loads = loads_of(rows);
        for (std::size_t worker = 0; worker != rows.size(); ++worker) {
            std::size_t least = 0;
            std::size_t most = 0;
            for (const Job& job : jobs_) {
                if ((job.runs_on != no_worker ? job.runs_on : job.worker) == worker) {
                    least += counts_for_sure(job) ? 1 : 0;
                    most += may_count(job) ? 1 : 0;
                }
            }
            complaints_.unless(least <= loads[worker] && loads[worker] <= most, "worker ", worker, "'s load is ",
                               loads[worker], ", not ", least, " to ", most);
            complaints_.unless(rows[worker].inflight <= concurrency_, "worker ", worker, " has ", rows[worker].inflight,
                               " jobs in flight");
            complaints_.unless(rows[worker].queue_len <= rows[worker].capacity, "worker ", worker, " has queued ",
                               rows[worker].queue_len);
            sessions += rows[worker].sessions;
        }
        routing_.check_sessions(sessions);
    }

    /// Nothing is ready to run: whatever could be done now has been done.
    void check_rest() {
        for (std::size_t number = 0; number != jobs_.size(); ++number) {
            const Job& job = jobs_[number];
            if (job.droppable || job.stage == Job::Stage::unborn) {
                continue;
            }
            complaints_.unless(job.completed || !is_late(job), "#", number, " was not told of its deadline");
            if (job.stage == Job::Stage::queued) {
                complaints_.unless(workers_[job.worker].running >= concurrency_, "#", number,
                                   " waits though a permit is free");
                complaints_.unless(!may_move(job) || std::all_of(workers_.begin(), workers_.end(),
                                                                 [this](const Worker& worker) {
                                                                     return worker.running >= concurrency_;
                                                                 }),
                                   "#", number, " waits though another worker could run it");
                complaints_.unless(!job.routed.other_home || workers_[*job.routed.other_home].running >= concurrency_,
                                   "#", number, " waits though its other home could run it");
            } else if (job.stage == Job::Stage::running) {
                complaints_.unless(!job.listens || !(job.cancelled || job.stopped || is_late(job)), "#", number,
                                   "'s handler did not hear its cancellation");
            } else {
                complaints_.unless(job.completed, "#", number, " was not completed");
            }
        }
    }

    bool any_running() const {
        return std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.running != 0; });
    }

    /// Everything has ended.
    void check_ledger(const dispatch::Ledger& ledger, std::uint64_t errors, std::uint64_t moved) {
        dispatch::Ledger sure;
        std::uint64_t unsure = 0;
        for (const Job& job : jobs_) {
            if (job.completed) {
                count(job, sure, unsure);
            }
        }
        const auto agree = [&](const char* what, std::uint64_t said, std::uint64_t least, std::uint64_t more) {
            complaints_.unless(least <= said && said <= least + more, "the ledger says that ", said, " jobs were ",
                               what, ", not ", least, " to ", least + more);
        };
        agree("submitted", ledger.submitted, submitted_, 0);
        agree("completed", ledger.completed, sure.completed, 0);
        agree("rejected", ledger.rejected, sure.rejected, 0);
        agree("expired", ledger.expired, sure.expired, 0);
        agree("failed", ledger.failed, sure.failed, unsure);
        agree("cancelled", ledger.cancelled, sure.cancelled, unsure);
        agree("stopped", ledger.stopped, sure.stopped, unsure);
        agree("moved", ledger.moved, moved_, 0);
        complaints_.unless(moved == ledger.moved, "the workers have counted ", moved, " moved jobs, the ledger ",
                           ledger.moved);
        complaints_.unless(adds_up(ledger), "the ledger does not add up");
        complaints_.unless(errors == ledger.failed, "the workers have counted ", errors, " errors, the ledger ",
                           ledger.failed);
    }

    static bool adds_up(const dispatch::Ledger& ledger) {
        return ledger.submitted ==
               ledger.completed + ledger.failed + ledger.rejected + ledger.expired + ledger.cancelled + ledger.stopped;
    }

  private:
    struct Job {
        enum class Stage : std::uint8_t {
            unborn,
            refused,
            queued,
            decided,  ///< it will not start
            running,
            ended,
        };
        Stage stage = Stage::unborn;
        bool completed = false;
        bool droppable = false;
        bool cancelled = false;
        bool stopped = false;
        bool restless = false;
        bool listens = false;
        bool travels = false;
        bool heard_cancellation = false;
        Ending heard = Ending::other;
        /// A bit for each Ending.
        unsigned allowed = 0;
        /// To which it was routed; and which runs it.
        std::size_t worker = no_worker;
        std::size_t runs_on = no_worker;
        std::size_t place = 0;
        RoutingModel::Routed routed;
        std::optional<int> session;
        /// No permit was free for it when it came.
        bool waits = false;
        std::optional<Time> deadline;

        void allow(Ending ending) { allowed |= 1U << static_cast<unsigned>(ending); }
    };

    struct Worker {
        std::size_t running = 0;
        std::size_t last_started = 0;
    };

    static constexpr std::size_t no_worker = ~std::size_t{0};

    bool may_move(const Job& job) const { return job.routed.may_move_from && *job.routed.may_move_from <= now_(); }

    /// Another worker was free to run it all the time.
    static bool could_always_move(const Job& job) { return job.routed.may_move_from == Time::min(); }

    /// Another job waits there, and might start now.
    bool waits_beside(std::size_t number, std::size_t other) const {
        const Job& that = jobs_[other];
        return that.stage == Job::Stage::queued && !that.restless && !is_late(that) && other != number;
    }

    /// The job starts on its own worker: those that are at home there as well, and wait elsewhere, have waited less
    /// long. (Not before its own jobs that have a permit.)
    void check_guests(std::size_t number, std::size_t on) {
        const Job& job = jobs_[number];
        for (std::size_t other = 0; other != jobs_.size(); ++other) {
            if (other == number || (jobs_[other].stage == Job::Stage::queued && jobs_[other].worker == on)) {
                if (!jobs_[other].waits) {
                    return;
                }
            }
        }
        for (std::size_t other = 0; other != jobs_.size(); ++other) {
            const Job& that = jobs_[other];
            complaints_.unless(
                !waits_beside(number, other) || that.routed.other_home != on || !that.waits || that.place > job.place,
                "#", number, " has started, though #", other, ", a guest, has waited longer");
        }
    }

    /// The job, routed to another worker, starts on that one.
    void check_move(std::size_t number, std::size_t on) {
        const Job& job = jobs_[number];
        const bool goes_home = job.routed.other_home == on;
        complaints_.unless(may_move(job) || goes_home, "#", number, " has left its worker");
        complaints_.unless(job.waits, "#", number, " has moved, though a permit was free for it");
        for (std::size_t other = 0; other != jobs_.size(); ++other) {
            const Job& that = jobs_[other];
            if (!waits_beside(number, other)) {
                continue;
            }
            const bool comes_later = goes_home && that.waits && that.place > job.place;
            complaints_.unless(that.worker != on || comes_later, "#", number, " has moved to worker ", on, ", where #",
                               other, " waits");
            complaints_.unless(that.routed.other_home != on || !that.waits || comes_later, "#", number,
                               " has moved to worker ", on, ", where #", other, " is at home");
            complaints_.unless(goes_home || !could_always_move(that) || !that.waits || that.place > job.place, "#",
                               number, " has moved, though #", other, " has waited longer");
        }
    }

    bool is_late(const Job& job) const { return job.deadline && now_() >= *job.deadline; }

    /// What the job's submitter may hear. When its deadline has passed too, that may have been first.
    void decide(Job& job, Job::Stage stage, std::initializer_list<Ending> endings) const {
        for (const Ending ending : endings) {
            job.allow(ending);
        }
        if (stage != Job::Stage::refused && is_late(job)) {
            job.allow(Ending::deadline_exceeded);
        }
        job.stage = stage;
    }

    bool counts_for_sure(const Job& job) const {
        return !job.droppable && (job.stage == Job::Stage::running ||
                                  (job.stage == Job::Stage::queued && !is_late(job) && !job.restless));
    }

    static bool may_count(const Job& job) {
        return job.stage == Job::Stage::running || job.stage == Job::Stage::queued ||
               (job.stage == Job::Stage::ended && job.travels);
    }

    static std::vector<std::size_t> loads_of(const Rows& rows) {
        std::vector<std::size_t> loads;
        for (const dispatch::WorkerMetrics& row : rows) {
            loads.push_back(row.inflight + row.queue_len + row.waiting);
        }
        return loads;
    }

    std::optional<std::size_t> who_got_it(std::size_t number, const std::vector<std::size_t>& before,
                                          const std::vector<std::size_t>& after) {
        std::optional<std::size_t> chosen;
        for (std::size_t worker = 0; worker != before.size(); ++worker) {
            if (after[worker] == before[worker] + 1 && !chosen) {
                chosen = worker;
            } else {
                complaints_.unless(after[worker] == before[worker], "worker ", worker, "'s load went from ",
                                   before[worker], " to ", after[worker], " while #", number, " was submitted");
            }
        }
        return chosen;
    }

    /// How the ledger counts job, or may: what a handler throws counts as cancelled or stopped from the
    /// moment at which the signal is there, and that is not seen from outside.
    static void count(const Job& job, dispatch::Ledger& sure, std::uint64_t& unsure) {
        switch (job.heard) {
            case Ending::value:
                ++sure.completed;
                return;
            case Ending::queue_full:
                ++sure.rejected;
                return;
            case Ending::deadline_exceeded:
                ++sure.expired;
                return;
            case Ending::stopped:
                ++sure.stopped;
                return;
            case Ending::handler_error:
            case Ending::aborted:
            case Ending::abandoned:
            case Ending::other:
                break;
        }
        if (job.stage == Job::Stage::decided) {
            ++sure.cancelled;
        } else if (!job.cancelled && !job.stopped && !job.restless && !job.deadline) {
            ++sure.failed;
        } else if (job.heard_cancellation && !job.stopped) {
            ++sure.cancelled;
        } else if (job.heard_cancellation && !job.cancelled && !job.restless && !job.deadline) {
            ++sure.stopped;
        } else {
            ++unsure;
        }
    }

    const std::function<Time()> now_;
    const std::size_t concurrency_;
    std::vector<Job> jobs_;
    std::vector<Worker> workers_;
    Complaints& complaints_;
    RoutingModel routing_;
    std::uint64_t submitted_ = 0;
    std::uint64_t moved_ = 0;
    std::size_t last_place_ = 0;
    bool closed_ = false;
    bool context_gone_ = false;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_MODEL_HPP
