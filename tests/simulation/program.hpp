// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_PROGRAM_HPP
#define DISPATCH_TESTS_SIMULATION_PROGRAM_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <dispatch/options.hpp>

namespace sim {

/// What a simulation does, in full: with the same program everything happens again. Times are microseconds.

enum class PolicyKind : std::uint8_t { least_loaded, round_robin, power_of_two };

/// The workers' handler.
enum class HandlerKind : std::uint8_t {
    coroutine,        ///< on any_io_executor
    typed_coroutine,  ///< on the worker's own executor
    plain,            ///< a function; of a job's script it does what needs no waiting
};

/// Who submits a job, and where the completion belongs.
enum class Caller : std::uint8_t {
    native,          ///< a callback without an executor of its own
    allocating,      ///< the same with an allocator
    away,            ///< a callback on another context
    away_any,        ///< the same, as any_io_executor
    away_strand,     ///< a callback on a strand of another context
    coroutine,       ///< a coroutine on the pool's context
    away_coroutine,  ///< a coroutine on another context
};

/// What a handler does while it runs a job, one after the other.
struct Step {
    enum class Kind : std::uint8_t {
        yield,      ///< lets others of its strand come first
        sleep,      ///< for time; a cancellation ends it
        stubborn,   ///< the same, deaf to cancellation
        forever,    ///< until a cancellation
        reset,      ///< replaces the coroutine's cancellation state
        submit,     ///< submits another job, and goes on
        await,      ///< submits another job, and waits for its response
        elsewhere,  ///< awaits a coroutine on another context, which sleeps for time
        hop,        ///< goes on on another context
        vanish,     ///< awaits something that lets go of it after time: that is its end
        stop,       ///< stops the pool
        destroy,    ///< destroys the pool
        fail,       ///< throws
    };
    Kind kind;
    int time = 0;
    std::size_t job = 0;
};

struct JobPlan {
    Caller caller = Caller::native;
    bool try_submit = false;
    std::optional<int> session;
    std::optional<int> miss_cost;
    /// From the submit on; may be in the past.
    std::optional<int> deadline;
    std::vector<Step> script;
    /// The job that is submitted from within this one's completion.
    std::optional<std::size_t> then;
};

/// What happens to the pool from outside.
struct Op {
    enum class Kind : std::uint8_t {
        submit,
        cancel_total,
        cancel_partial,
        cancel_terminal,
        advance,  ///< time goes on, and nothing runs
        rest,     ///< everything runs until nothing is ready; time stands still
        drain,
        cancel_drain,  ///< the latest
        stop,
        destroy_pool,
        destroy_handles,
        destroy_context,  ///< the workers' and the pool's
    };
    Kind kind;
    /// Functions that run before it.
    int pause = 0;
    /// Of submit and cancel.
    std::size_t job = 0;
    int time = 0;
};

struct Program {
    /// Of the order in which things run; 0: first come, first served.
    std::uint64_t seed = 0;
    /// How long each function takes.
    int creep = 0;

    std::size_t workers = 1;
    /// Spawned one by one, so that they do not share the batcher.
    bool apart = false;
    HandlerKind handler = HandlerKind::coroutine;
    PolicyKind policy = PolicyKind::least_loaded;
    dispatch::WorkerOptions worker_options;
    dispatch::PoolOptions pool_options;

    std::vector<JobPlan> jobs;
    std::vector<Op> ops;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_PROGRAM_HPP
