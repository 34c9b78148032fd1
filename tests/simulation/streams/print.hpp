// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_PRINT_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_PRINT_HPP

#include <ostream>

#include "program.hpp"

namespace sim::streams {

/// A program as text, for people to read.

inline std::ostream& operator<<(std::ostream& out, const WriteStep& step) {
    static constexpr const char* names[] = {"write",
                                            "write, whatever becomes of it",
                                            "write with a callback",
                                            "try_write",
                                            "sleep",
                                            "grow deaf",
                                            "stop the pool",
                                            "destroy the pool",
                                            "throw"};
    out << names[static_cast<int>(step.kind)];
    return step.time != 0 ? out << ' ' << step.time << " us" : out;
}

inline std::ostream& operator<<(std::ostream& out, const ReadStep& step) {
    static constexpr const char* names[] = {"next",
                                            "await next",
                                            "try_next",
                                            "try_next till there is nothing",
                                            "pause",
                                            "next, cancelled after",
                                            "next, the stream destroyed after",
                                            "next twice",
                                            "next, the stream moved"};
    out << names[static_cast<int>(step.kind)];
    return step.time != 0 ? out << ' ' << step.time << " us" : out;
}

template <typename Step>
void print_steps(std::ostream& out, const std::vector<Step>& steps) {
    const char* separator = "";
    for (const Step& step : steps) {
        out << separator << step;
        separator = "; ";
    }
}

inline void print_stream(std::ostream& out, const Program& program, std::size_t stream) {
    static constexpr const char* places[] = {"", " by a callback elsewhere", " by a callback on a strand elsewhere"};
    static constexpr const char* endings[] = {"read on", "destroy", "keep"};
    const StreamPlan& plan = program.streams[stream];
    out << (plan.try_submit ? "try_submit #" : "submit #") << stream << places[static_cast<int>(plan.place)];
    if (plan.session) {
        out << ", session " << *plan.session;
    }
    if (plan.deadline) {
        out << ", deadline in " << *plan.deadline << " us";
    }
    out << " {";
    print_steps(out, plan.writes);
    out << "}, read by {";
    print_steps(out, plan.reads);
    out << "}, then " << endings[static_cast<int>(plan.afterwards)];
}

inline std::ostream& operator<<(std::ostream& out, const Program& program) {
    static constexpr const char* handlers[] = {"Writer<T>", "Writer<T> and JobContext", "Writer<T, WorkerExecutor>"};
    static constexpr const char* ops[] = {
        "",      "cancel #", "destroy the stream of #", "advance the time by ", "run what is ready",
        "drain", "stop",     "destroy the pool",        "destroy the handles",  "destroy the context"};
    const auto& pool = program.pool_options;
    out << "  " << program.workers << " workers, " << handlers[static_cast<int>(program.handler)]
        << ", max_concurrency " << program.worker_options.max_concurrency << ", queue_capacity "
        << program.worker_options.queue_capacity << ", stream_buffer " << pool.stream_buffer
        << (pool.overflow == dispatch::Overflow::wait ? ", wait" : ", reject")
        << (pool.late_binding ? "" : ", no late binding")
        << (pool.affinity == dispatch::Affinity::preferred ? ", preferred\n" : "\n") << "  order: seed " << program.seed
        << ", " << program.creep << " us each\n";
    for (const Op& op : program.ops) {
        out << "  ";
        if (op.pause != 0) {
            out << "(after " << op.pause << " functions) ";
        }
        out << ops[static_cast<int>(op.kind)];
        if (op.kind == Op::Kind::submit) {
            print_stream(out, program, op.stream);
        } else if (op.kind == Op::Kind::cancel || op.kind == Op::Kind::destroy) {
            out << op.stream;
        } else if (op.kind == Op::Kind::advance) {
            out << op.time << " us";
        }
        out << '\n';
    }
    return out;
}

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_PRINT_HPP
