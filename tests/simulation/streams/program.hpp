// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_PROGRAM_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_PROGRAM_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <dispatch/options.hpp>

namespace sim::streams {

/// What a simulation of streams does, in full: with the same program everything happens again. Times are microseconds.

/// The workers' handler.
enum class HandlerKind : std::uint8_t {
    erased,   ///< awaitable<void>(R, Writer<T>&)
    context,  ///< the same with JobContext&
    typed,    ///< on the worker's own executor
};

/// Where a completion belongs.
enum class Place : std::uint8_t {
    native,  ///< no executor of its own
    away,    ///< another context
    strand,  ///< a strand of another context
};

/// What a handler does, one after the other.
struct WriteStep {
    enum class Kind : std::uint8_t {
        write,      ///< awaits it; an error ends the handler
        insist,     ///< awaits it, and goes on all the same
        aside,      ///< with a callback, for which it does not wait
        try_write,  ///< what there is no room for is left out
        sleep,      ///< for time; a cancellation ends it
        deafen,     ///< hears no cancellation from now on
        stop,       ///< stops the pool
        destroy,    ///< destroys the pool
        fail,       ///< throws
    };
    Kind kind;
    int time = 0;
};

/// What the reader does with the stream, one after the other.
struct ReadStep {
    enum class Kind : std::uint8_t {
        next,      ///< with a callback
        await,     ///< next() in a coroutine
        try_next,  ///< takes what there is, once
        empty,     ///< takes what there is with try_next(), until nothing is
        pause,     ///< for time
        give_up,   ///< next(), which is cancelled after time
        leave,     ///< next(), and destroys the stream after time
        clash,     ///< two next() at a time
        move,      ///< next(), and moves the stream meanwhile
    };
    Kind kind;
    int time = 0;
};

/// What becomes of the stream after the reader's steps.
enum class Afterwards : std::uint8_t {
    read_on,  ///< to its end
    destroy,
    keep,  ///< until all else is done
};

struct StreamPlan {
    Place place = Place::native;
    bool try_submit = false;
    std::optional<int> session;
    /// From the submit on; may be in the past.
    std::optional<int> deadline;
    std::vector<WriteStep> writes;
    std::vector<ReadStep> reads;
    Afterwards afterwards = Afterwards::read_on;
};

/// What happens to the pool from outside.
struct Op {
    enum class Kind : std::uint8_t {
        submit,
        cancel,   ///< the submit operation
        destroy,  ///< a stream, whatever its reader does
        advance,  ///< time goes on, and nothing runs
        rest,     ///< everything runs until nothing is ready; time stands still
        drain,
        stop,
        destroy_pool,
        destroy_handles,
        destroy_context,  ///< the workers' and the pool's
    };
    Kind kind;
    /// Functions that run before it.
    int pause = 0;
    /// Of submit, cancel and destroy.
    std::size_t stream = 0;
    int time = 0;
};

struct Program {
    /// Of the order in which things run; 0: first come, first served.
    std::uint64_t seed = 0;
    /// How long each function takes.
    int creep = 0;

    std::size_t workers = 1;
    HandlerKind handler = HandlerKind::erased;
    dispatch::WorkerOptions worker_options;
    dispatch::PoolOptions pool_options;

    std::vector<StreamPlan> streams;
    std::vector<Op> ops;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_PROGRAM_HPP
