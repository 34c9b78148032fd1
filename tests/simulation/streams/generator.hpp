// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_GENERATOR_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_GENERATOR_HPP

#include <chrono>
#include <cstddef>
#include <utility>

#include "../random.hpp"
#include "program.hpp"

namespace sim::streams {

/// Makes a program of random choices. Each has habits of its own: a feature that is rare in one is frequent in another
/// and absent from a third.
class Generator {
  public:
    explicit Generator(Random random) : random_{random} {}

    Program make() {
        program_.seed = random_.chance(25) ? 0 : random_.next();
        program_.creep = random_.pick({0, 0, 1});
        program_.workers = random_.pick<std::size_t>({1, 1, 2, 3});
        program_.handler = random_.pick({HandlerKind::erased, HandlerKind::context, HandlerKind::typed});
        program_.worker_options.max_concurrency = random_.pick<std::size_t>({1, 1, 2, 3});
        program_.worker_options.queue_capacity = random_.pick<std::size_t>({1, 2, 8});
        auto& pool = program_.pool_options;
        pool.overflow = random_.pick({dispatch::Overflow::wait, dispatch::Overflow::wait, dispatch::Overflow::reject});
        pool.late_binding = random_.chance(80);
        pool.affinity = random_.chance(30) ? dispatch::Affinity::preferred : dispatch::Affinity::strict;
        pool.miss_cost = std::chrono::microseconds{random_.pick({0, 5, 20})};
        pool.stream_buffer = random_.pick<std::size_t>({1, 1, 2, 3, 16});
        const int length = random_.pick({1, 3, 10, 20});
        for (int i = 0; i != length; ++i) {
            add_operation();
        }
        return std::move(program_);
    }

  private:
    int habit() { return random_.pick({0, 5, 20, 60}); }

    std::size_t add_stream() {
        StreamPlan plan;
        plan.place = random_.chance(away_) ? random_.pick({Place::away, Place::strand}) : Place::native;
        plan.try_submit = random_.chance(tries_);
        if (random_.chance(sessions_)) {
            plan.session = random_.between(0, 2);
        }
        if (random_.chance(deadlines_)) {
            plan.deadline = random_.pick({-5, 0, 1, 5, 10, 20, 50, 1000});
        }
        for (int steps = random_.pick({0, 1, 2, 3, 5, 8}); steps != 0; --steps) {
            plan.writes.push_back(write_step());
        }
        for (int steps = random_.pick({0, 0, 1, 2, 4}); steps != 0; --steps) {
            plan.reads.push_back(read_step());
        }
        plan.afterwards =
            random_.chance(leaves_) ? random_.pick({Afterwards::destroy, Afterwards::keep}) : Afterwards::read_on;
        program_.streams.push_back(std::move(plan));
        return program_.streams.size() - 1;
    }

    int time() { return random_.pick({1, 5, 10, 20, 100}); }

    WriteStep write_step() {
        using Kind = WriteStep::Kind;
        if (random_.chance(throws_)) {
            return {Kind::fail};
        }
        if (random_.chance(stubborn_)) {
            return {random_.pick({Kind::deafen, Kind::insist})};
        }
        if (random_.chance(ends_ / 4)) {
            return {random_.pick({Kind::stop, Kind::destroy})};
        }
        if (random_.chance(sleeps_)) {
            return {Kind::sleep, time()};
        }
        return {random_.chance(asides_) ? random_.pick({Kind::aside, Kind::aside, Kind::try_write}) : Kind::write};
    }

    ReadStep read_step() {
        using Kind = ReadStep::Kind;
        if (random_.chance(leaves_ / 2)) {
            return {Kind::leave, time()};
        }
        if (random_.chance(sleeps_)) {
            return {Kind::pause, time()};
        }
        if (random_.chance(asides_)) {
            return {random_.pick({Kind::try_next, Kind::empty, Kind::clash, Kind::move})};
        }
        if (random_.chance(cancels_)) {
            return {Kind::give_up, random_.pick({0, 1, 5, 20})};
        }
        return {random_.pick({Kind::next, Kind::await})};
    }

    void add_operation() {
        using Kind = Op::Kind;
        Op op{Kind::submit, random_.chance(50) ? 0 : random_.pick({1, 2, 3, 5, 10, 30})};
        const std::size_t streams = program_.streams.size();
        if (random_.chance(cancels_) && streams != 0) {
            op.kind = random_.pick({Kind::cancel, Kind::destroy});
            // Mostly one that is still under way.
            op.stream = streams - 1 - random_.below(random_.chance(70) && streams > 3 ? 3 : streams);
        } else if (random_.chance(15)) {
            op.kind = Kind::advance;
            op.time = time();
        } else if (random_.chance(5)) {
            op.kind = Kind::rest;
        } else if (random_.chance(ends_)) {
            op.kind = random_.pick(
                {Kind::drain, Kind::stop, Kind::destroy_pool, Kind::destroy_handles, Kind::destroy_context});
        } else {
            op.stream = add_stream();
        }
        program_.ops.push_back(op);
    }

    Random random_;
    Program program_;
    const int away_ = random_.pick({0, 30, 100});
    const int tries_ = habit();
    const int sessions_ = habit();
    const int deadlines_ = habit();
    const int cancels_ = habit();
    const int throws_ = habit() / 2;
    const int stubborn_ = habit() / 2;
    const int sleeps_ = habit();
    const int asides_ = habit();
    const int leaves_ = habit();
    const int ends_ = random_.pick({0, 2, 5, 15});
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_GENERATOR_HPP
