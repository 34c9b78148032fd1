// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace admission_test {

using dispatch::Ledger;
using dispatch::detail::Admission;
using dispatch::detail::Tally;
using dispatch::detail::WorkerLoad;
using Phase = Admission::Phase;

/// Admission to a pool of so many workers.
class Gate {
  public:
    explicit Gate(std::size_t n) : workers{loads(n)}, admission{workers} {}

  private:
    static std::vector<std::shared_ptr<WorkerLoad>> loads(std::size_t n) {
        std::vector<std::shared_ptr<WorkerLoad>> loads;
        for (std::size_t i = 0; i != n; ++i) {
            loads.push_back(std::make_shared<WorkerLoad>(dispatch::WorkerOptions{}));
        }
        return loads;
    }

  public:
    dispatch::detail::WorkerSet workers;
    Admission admission;
};

TEST(Admission, PhasesGoOneWay) {
    Gate gate{1};
    Admission& admission = gate.admission;
    EXPECT_TRUE(admission.open());
    EXPECT_FALSE(admission.close(Phase::open));
    EXPECT_TRUE(admission.open());
    EXPECT_TRUE(admission.close(Phase::draining));
    EXPECT_FALSE(admission.open());
    EXPECT_FALSE(admission.close(Phase::draining));
    EXPECT_TRUE(admission.close(Phase::stopped));
    EXPECT_FALSE(admission.close(Phase::draining)) << "a stopped pool does not go back to draining";
    EXPECT_FALSE(admission.close(Phase::stopped));
}

TEST(Admission, IsDrainedWhenClosedAndEveryWorkerIsIdle) {
    Gate open{3};
    EXPECT_FALSE(open.admission.drained()) << "it is idle, but jobs may come";
    for (std::size_t worker = 0; worker != 3; ++worker) {
        Gate gate{3};
        Admission& admission = gate.admission;
        gate.workers[worker].reserve();
        admission.close(Phase::draining);
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
        gate.workers[worker].release();
        EXPECT_TRUE(admission.drained()) << "worker " << worker;
        EXPECT_TRUE(admission.drained()) << "for good";
    }
}

TEST(Admission, WorkersBecomeIdleInAnyOrder) {
    Gate gate{4};
    Admission& admission = gate.admission;
    for (std::size_t worker = 0; worker != 4; ++worker) {
        gate.workers[worker].reserve();
    }
    admission.close(Phase::draining);
    for (const std::size_t worker : {2U, 0U, 3U}) {
        gate.workers[worker].release();
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
    }
    gate.workers[1].release();
    EXPECT_TRUE(admission.drained());
}

TEST(Admission, AJobThatComesTooLateDoesNotPutTheDrainOff) {
    Gate gate{2};
    Admission& admission = gate.admission;
    admission.close(Phase::draining);
    gate.workers[0].reserve();  // it will find the gate closed
    EXPECT_FALSE(admission.drained()) << "who looks now cannot tell it from one that was let in";
    gate.workers[0].release();
    EXPECT_TRUE(admission.drained()) << "as it leaves it asks itself";
    gate.workers[1].reserve();
    EXPECT_TRUE(admission.drained());
}

TEST(Admission, AJobThatMovesToAnIdleWorkerIsWaitedFor) {
    Gate gate{3};
    Admission& admission = gate.admission;
    gate.workers[2].reserve();
    admission.close(Phase::draining);
    EXPECT_FALSE(admission.drained()) << "the others are idle";
    gate.workers[0].reserve();
    admission.moved_to(0);
    EXPECT_FALSE(gate.workers[2].release() && admission.drained());
    EXPECT_FALSE(admission.drained());
    gate.workers[1].reserve();
    admission.moved_to(1);
    gate.workers[0].release();
    EXPECT_FALSE(admission.drained());
    gate.workers[1].release();
    EXPECT_TRUE(admission.drained());
}

TEST(Admission, WhileItIsOpenJobsMoveFreely) {
    Gate gate{2};
    gate.workers[0].reserve();
    gate.admission.moved_to(0);
    gate.workers[0].release();
    gate.admission.close(Phase::draining);
    EXPECT_TRUE(gate.admission.drained());
}

TEST(Admission, LedgerIsTheSumOfGateAndWorkers) {
    Gate gate{2};
    Admission& admission = gate.admission;
    Tally::count(admission.rejected);
    Tally::count(admission.stopped);
    Tally::count(gate.workers[0].submitted);
    Tally::count(gate.workers[0].tally.completed);
    Tally::count(gate.workers[1].submitted);
    Tally::count(gate.workers[1].tally.completed);
    EXPECT_EQ(admission.ledger(), (Ledger{.submitted = 4, .completed = 2, .rejected = 1, .stopped = 1}));
}

TEST(Admission, NoJobSlipsThroughAClosingGate) {
    // A job that came in while the gate was being closed, and found it open, is seen by whoever closed it.
    constexpr int rounds = 20000;
    int entered = 0;
    int turned_away = 0;
    std::vector<std::unique_ptr<Gate>> gates(rounds);
    for (auto& gate : gates) {
        gate = std::make_unique<Gate>(1);
    }
    std::vector<std::atomic<bool>> inside(rounds);
    std::vector<char> idle_seen(rounds);
    std::barrier together{2};
    std::thread submitter{[&] {
        for (int round = 0; round != rounds; ++round) {
            Gate& gate = *gates[static_cast<std::size_t>(round)];
            together.arrive_and_wait();
            gate.workers[0].reserve();
            if (gate.admission.open()) {
                inside[static_cast<std::size_t>(round)] = true;
                ++entered;
            } else {
                gate.workers[0].release();
                ++turned_away;
            }
        }
    }};
    for (int round = 0; round != rounds; ++round) {
        Gate& gate = *gates[static_cast<std::size_t>(round)];
        together.arrive_and_wait();
        for (int spin = 0; spin != round % 64; ++spin) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        gate.admission.close(Phase::draining);
        idle_seen[static_cast<std::size_t>(round)] = gate.admission.drained();
    }
    submitter.join();
    for (std::size_t round = 0; round != rounds; ++round) {
        ASSERT_FALSE(inside[round] && idle_seen[round]) << "round " << round;
    }
    EXPECT_GT(entered, 0) << "no race took place";
    EXPECT_GT(turned_away, 0) << "no race took place";
}

}  // namespace admission_test
