// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/route/admission.hpp>

namespace admission_test {

using dispatch::Ledger;
using dispatch::detail::Admission;
using dispatch::detail::Tally;
using dispatch::detail::WorkerLoad;
using Phase = Admission::Phase;

std::vector<std::shared_ptr<WorkerLoad>> make_loads(std::size_t n) {
    std::vector<std::shared_ptr<WorkerLoad>> loads;
    for (std::size_t i = 0; i != n; ++i) {
        loads.push_back(std::make_shared<WorkerLoad>(dispatch::WorkerOptions{}));
    }
    return loads;
}

TEST(Admission, PhasesGoOneWay) {
    Admission admission{make_loads(1)};
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
    Admission open{make_loads(3)};
    EXPECT_EQ(open.size(), 3U);
    EXPECT_FALSE(open.drained()) << "it is idle, but jobs may come";
    for (std::size_t worker = 0; worker != 3; ++worker) {
        Admission admission{make_loads(3)};
        admission.load(worker).reserve();
        admission.close(Phase::draining);
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
        admission.load(worker).release();
        EXPECT_TRUE(admission.drained()) << "worker " << worker;
        EXPECT_TRUE(admission.drained()) << "for good";
    }
}

TEST(Admission, WorkersBecomeIdleInAnyOrder) {
    Admission admission{make_loads(4)};
    for (std::size_t worker = 0; worker != 4; ++worker) {
        admission.load(worker).reserve();
    }
    admission.close(Phase::draining);
    for (const std::size_t worker : {2U, 0U, 3U}) {
        admission.load(worker).release();
        EXPECT_FALSE(admission.drained()) << "worker " << worker;
    }
    admission.load(1).release();
    EXPECT_TRUE(admission.drained());
}

TEST(Admission, AJobThatComesTooLateDoesNotPutTheDrainOff) {
    Admission admission{make_loads(2)};
    admission.close(Phase::draining);
    admission.load(0).reserve();  // it will find the gate closed
    EXPECT_FALSE(admission.drained()) << "who looks now cannot tell it from one that was let in";
    admission.load(0).release();
    EXPECT_TRUE(admission.drained()) << "as it leaves it asks itself";
    admission.load(1).reserve();
    EXPECT_TRUE(admission.drained());
}

TEST(Admission, LedgerIsTheSumOfGateAndWorkers) {
    Admission admission{make_loads(2)};
    Tally::count(admission.rejected);
    Tally::count(admission.stopped);
    Tally::count(admission.load(0).submitted);
    Tally::count(admission.load(0).tally.completed);
    Tally::count(admission.load(1).submitted);
    Tally::count(admission.load(1).tally.completed);
    EXPECT_EQ(admission.ledger(), (Ledger{.submitted = 4, .completed = 2, .rejected = 1, .stopped = 1}));
}

TEST(Admission, NoJobSlipsThroughAClosingGate) {
    // A job that came in while the gate was being closed, and found it open, is seen by whoever closed it.
    constexpr int rounds = 20000;
    int entered = 0;
    int turned_away = 0;
    std::vector<std::unique_ptr<Admission>> gates(rounds);
    for (auto& gate : gates) {
        gate = std::make_unique<Admission>(make_loads(1));
    }
    std::vector<std::atomic<bool>> inside(rounds);
    std::vector<char> idle_seen(rounds);
    std::barrier together{2};
    std::thread submitter{[&] {
        for (int round = 0; round != rounds; ++round) {
            Admission& gate = *gates[static_cast<std::size_t>(round)];
            together.arrive_and_wait();
            gate.load(0).reserve();
            if (gate.open()) {
                inside[static_cast<std::size_t>(round)] = true;
                ++entered;
            } else {
                gate.load(0).release();
                ++turned_away;
            }
        }
    }};
    for (int round = 0; round != rounds; ++round) {
        Admission& gate = *gates[static_cast<std::size_t>(round)];
        together.arrive_and_wait();
        for (int spin = 0; spin != round % 64; ++spin) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        gate.close(Phase::draining);
        idle_seen[static_cast<std::size_t>(round)] = gate.drained();
    }
    submitter.join();
    for (std::size_t round = 0; round != rounds; ++round) {
        ASSERT_FALSE(inside[round] && idle_seen[round]) << "round " << round;
    }
    EXPECT_GT(entered, 0) << "no race took place";
    EXPECT_GT(turned_away, 0) << "no race took place";
}

}  // namespace admission_test
