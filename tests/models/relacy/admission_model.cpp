// SPDX-License-Identifier: Apache-2.0
//
// detail/route/admission.hpp, detail/route/worker_load.hpp and detail/route/router.hpp: two jobs come while admission
// is closed. Either a job finds it closed, or whoever has closed it finds the job; and somebody sees that all have
// left, also where a job moves from one worker to another meanwhile.

#include <explore.hpp>
#include <model_std.hpp>

#include <dispatch/detail/route/router.hpp>

namespace {

using dispatch::Choice;
using dispatch::Purpose;
using dispatch::detail::Admission;
using dispatch::detail::Route;
using dispatch::detail::WorkerLoad;
using dispatch::detail::WorkerSet;

struct OneWorker {
    template <typename Pool>
    Choice pick(const Pool& pool, Purpose /*purpose*/) noexcept {
        return {0, pool.load(0)};
    }
};

struct AdmissionModel : model::Execution, rl::test_suite<AdmissionModel, 3> {
    WorkerLoad load{{.max_concurrency = 1, .queue_capacity = 1}};
    WorkerSet workers{loads(load)};
    Admission admission{workers};
    std::optional<dispatch::SessionMap<std::chrono::steady_clock>> no_sessions;
    dispatch::detail::ServiceTimes service_times;
    dispatch::detail::Router<OneWorker, std::chrono::steady_clock> router{workers, admission, no_sessions,
                                                                          service_times, OneWorker{}};

    /// What jobs do that are let in, and whoever drains looks at when all have left.
    std::array<model::Plain<int>, 2> results;
    // What the model itself keeps track of: no thread is interrupted between two of these.
    int inside = 0;
    bool drained = false;

    /// Not owned: for each piece of memory that is freed Relacy tries when it is used again.
    static std::vector<std::shared_ptr<WorkerLoad>> loads(WorkerLoad& load) {
        return {std::shared_ptr<WorkerLoad>{std::shared_ptr<void>{}, &load}};
    }

    void thread(unsigned index) {
        if (index == 2) {
            admission.close(Admission::Phase::draining);
            return worker_idle();
        }
        // As PoolCore::route() does it.
        const Route route =
            router.route(std::nullopt, std::nullopt, dispatch::Overflow::wait, std::chrono::steady_clock::now);
        if (route.verdict == Route::Verdict::closed) {
            return worker_idle();
        }
        model::check(!drained, "a job is let in after the drain");
        ++inside;
        results[index] = 1;
        --inside;
        if (load.release()) {
            worker_idle();
        }
    }

    /// As PoolState::worker_idle() does it.
    void worker_idle() {
        if (!admission.drained()) {
            return;
        }
        model::check(inside == 0, "drained while a job is inside");
        for (auto& result : results) {
            static_cast<void>(static_cast<int>(result));
        }
        drained = true;
    }

    void after() { model::check(drained, "nobody sees that all have left"); }
};

/// A job moves from the second worker to the first, which are looked at in this order, while admission is closed, and
/// something else on the second one ends.
struct MoveModel : model::Execution, rl::test_suite<MoveModel, 3> {
    std::array<WorkerLoad, 2> loads{WorkerLoad{{.max_concurrency = 1, .queue_capacity = 1}},
                                    WorkerLoad{{.max_concurrency = 1, .queue_capacity = 1}}};
    WorkerSet workers{{unowned(loads[0]), unowned(loads[1])}};
    Admission admission{workers};

    model::Plain<int> result{0};
    bool inside = true;
    bool drained = false;

    static std::shared_ptr<WorkerLoad> unowned(WorkerLoad& load) { return {std::shared_ptr<void>{}, &load}; }

    void before() {
        loads[1].reserve();
        loads[1].reserve();
    }

    void thread(unsigned index) {
        if (index == 0) {
            move();
        } else if (index == 1) {
            release(loads[1]);
        } else {
            admission.close(Admission::Phase::draining);
            worker_idle();
        }
    }

    /// As Worker::take() and Worker::end() do it.
    void move() {
        if (!loads[0].try_reserve_permit()) {
            return model::check(false, "there is a permit");
        }
        admission.moved_to(0);
        release(loads[1]);
        result = 1;
        inside = false;
        release(loads[0]);
    }

    void release(WorkerLoad& load) {
        if (load.release()) {
            worker_idle();
        }
    }

    void worker_idle() {
        if (admission.drained()) {
            model::check(!inside, "drained while a job is between two workers");
            static_cast<void>(static_cast<int>(result));
            drained = true;
        }
    }

    void after() { model::check(drained, "nobody sees that all have left"); }
};

}  // namespace

int main(int argc, char** argv) { return model::explore<AdmissionModel, MoveModel>(argc, argv, "4"); }
