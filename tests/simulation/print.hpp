// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_PRINT_HPP
#define DISPATCH_TESTS_SIMULATION_PRINT_HPP

#include <chrono>
#include <cstddef>
#include <ostream>

#include "program.hpp"

namespace sim {

/// A program as text, for people to read.
class Printer {
  public:
    Printer(std::ostream& out, const Program& program) : out_{out}, program_{program} {}

    void print() {
        options();
        for (const Op& op : program_.ops) {
            out_ << "  ";
            if (op.pause != 0) {
                out_ << "(after " << op.pause << " functions) ";
            }
            operation(op);
            out_ << '\n';
        }
    }

  private:
    void options() {
        static constexpr const char* handlers[] = {"coroutine", "typed coroutine", "plain function"};
        static constexpr const char* policies[] = {"LeastLoaded", "RoundRobin", "PowerOfTwoChoices"};
        const auto& pool = program_.pool_options;
        out_ << "  " << program_.workers << " workers" << (program_.apart ? " spawned apart" : "") << ", "
             << handlers[static_cast<int>(program_.handler)] << ", max_concurrency "
             << program_.worker_options.max_concurrency << ", queue_capacity " << program_.worker_options.queue_capacity
             << '\n'
             << "  " << policies[static_cast<int>(program_.policy)] << ", "
             << (pool.overflow == dispatch::Overflow::wait ? "wait" : "reject") << ", affinity_ttl "
             << pool.affinity_ttl / std::chrono::microseconds{1} << " us "
             << (pool.affinity_expiry == dispatch::AffinityExpiry::fixed ? "fixed" : "sliding") << ", max_sessions "
             << pool.max_sessions << (pool.late_binding ? "" : ", no late binding") << '\n';
        if (pool.affinity == dispatch::Affinity::preferred) {
            out_ << "  preferred, miss_cost " << pool.miss_cost / std::chrono::microseconds{1} << " us, patience "
                 << pool.patience << ", max_patience " << pool.max_patience / std::chrono::microseconds{1} << " us\n";
        }
        out_ << "  order: seed " << program_.seed << ", " << program_.creep << " us each\n";
    }

    void job(std::size_t index) {
        static constexpr const char* callers[] = {"a callback",
                                                  "a callback with an allocator",
                                                  "a callback elsewhere",
                                                  "a callback elsewhere (any_io_executor)",
                                                  "a callback on a strand elsewhere",
                                                  "a coroutine",
                                                  "a coroutine elsewhere"};
        const JobPlan& plan = program_.jobs[index];
        out_ << (plan.try_submit ? "try_submit " : "submit ") << '#' << index << " by "
             << callers[static_cast<int>(plan.caller)];
        if (plan.session) {
            out_ << ", session " << *plan.session;
            if (plan.miss_cost) {
                out_ << " (miss_cost " << *plan.miss_cost << " us)";
            }
        }
        if (plan.deadline) {
            out_ << ", deadline in " << *plan.deadline << " us";
        }
        out_ << " {";
        const char* separator = "";
        for (const Step& step : plan.script) {
            out_ << separator;
            this->step(step);
            separator = "; ";
        }
        out_ << '}';
        if (plan.then) {
            out_ << ", then ";
            job(*plan.then);
        }
    }

    void step(const Step& step) {
        static constexpr const char* names[] = {"yield",
                                                "sleep",
                                                "sleep stubbornly",
                                                "sleep forever",
                                                "reset the cancellation state",
                                                "",
                                                "await ",
                                                "sleep elsewhere",
                                                "hop",
                                                "vanish",
                                                "stop the pool",
                                                "destroy the pool",
                                                "throw"};
        out_ << names[static_cast<int>(step.kind)];
        if (step.time != 0) {
            out_ << ' ' << step.time << " us";
        }
        if (step.kind == Step::Kind::submit || step.kind == Step::Kind::await) {
            job(step.job);
        }
    }

    void operation(const Op& op) {
        switch (op.kind) {
            case Op::Kind::submit:
                return job(op.job);
            case Op::Kind::cancel_total:
                out_ << "cancel " << '#' << op.job << " (total)";
                return;
            case Op::Kind::cancel_partial:
                out_ << "cancel " << '#' << op.job << " (partial)";
                return;
            case Op::Kind::cancel_terminal:
                out_ << "cancel " << '#' << op.job << " (terminal)";
                return;
            case Op::Kind::advance:
                out_ << "advance the time by " << op.time << " us";
                return;
            case Op::Kind::rest:
                out_ << "run what is ready";
                return;
            case Op::Kind::drain:
                out_ << "drain";
                return;
            case Op::Kind::cancel_drain:
                out_ << "cancel the drain";
                return;
            case Op::Kind::stop:
                out_ << "stop";
                return;
            case Op::Kind::destroy_pool:
                out_ << "destroy the pool";
                return;
            case Op::Kind::destroy_handles:
                out_ << "destroy the handles";
                return;
            case Op::Kind::destroy_context:
                out_ << "destroy the context";
                return;
        }
    }

    std::ostream& out_;
    const Program& program_;
};

inline std::ostream& operator<<(std::ostream& out, const Program& program) {
    Printer{out, program}.print();
    return out;
}

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_PRINT_HPP
