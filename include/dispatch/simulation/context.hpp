// SPDX-License-Identifier: Apache-2.0
//
// A part of dispatch/simulation.hpp. The Clock and the Context are in one file: the clock tells the time of the context
// that runs, and the context's times are the clock's.
#ifndef DISPATCH_SIMULATION_CONTEXT_HPP
#define DISPATCH_SIMULATION_CONTEXT_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/virtual_time_mark.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/sessions/siphash.hpp>
#include <dispatch/detail/simulation/timeline.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace simulation {

class Context;
class Executor;  // in executor.hpp, as is get_executor(): an executor needs all of its context

/// The clock of simulations, with the time points of `std::chrono::steady_clock`.
struct Clock {
    /// How it measures time: as the steady clock does.
    using duration = std::chrono::steady_clock::duration;
    /// The type of its ticks.
    using rep = duration::rep;
    /// The length of its ticks.
    using period = duration::period;
    /// A virtual time. Deadlines are given as such.
    using time_point = std::chrono::steady_clock::time_point;
    /// It never goes back.
    static constexpr bool is_steady = true;

    /// Returns the time of the Context in whose run() this is called: for code that is a template on its clock.
    ///
    /// @throws std::logic_error Outside of a run(): ask the context for Context::now().
    static time_point now();
};

/// Names the constructor of a Context that shares its time with another one.
struct beside_t {
    explicit beside_t() = default;
};
/// As beside_t.
inline constexpr beside_t beside{};

/// An execution context in virtual time.
///
/// What is posted to it, and what waits for its timers, is run by run() and its siblings, one function after the other,
/// in the thread that calls them. When nothing is ready, the time jumps to the next timer. A function takes no time,
/// however long it computes: advance() lets time pass where that matters.
///
/// Spawn workers on it with `spawn_workers<R, S, simulation::Executor>(context.get_executor(), ...)`, make a
/// `WorkerPool<R, S, Policy, simulation::Executor>` of them, and submit: all that the library times is virtual then.
/// Handlers that wait use simulation::Timer; a real timer, such as `asio::steady_timer`, lets real time pass and is not
/// waited for (see what_is_left()).
///
/// @par Order
/// With seed 0, what is ready runs first come, first served, as in an `io_context` with one thread. With any other
/// seed, the seed decides which of the functions that are ready runs next, also among workers and replies, and whether
/// `asio::dispatch` runs a function at once: each seed is one of the orders that threads could have led to, as long as
/// no two functions run at the same instant. The same seed, with the same program and build, repeats exactly.
///
/// @par Thread safety
/// One thread at a time: also for the pools, timers and semaphores on it, whatever they promise elsewhere. What
/// another thread posts (a real timer does) is run, but not repeatably.
class Context : public net::execution_context {
  public:
    /// The context's executor.
    using executor_type = Executor;
    /// How far times are apart.
    using duration = Clock::duration;
    /// A time on it.
    using time_point = Clock::time_point;

    /// Makes a context with a simulation of its own.
    ///
    /// @param seed Decides on the order of what is ready; 0: first come, first served.
    explicit Context(std::uint64_t seed = 0) : timeline_{std::make_shared<detail::Timeline>(seed)} {
        detail::VirtualTimeMark::put_on(*this, this);
    }

    /// Makes another context of the same simulation: they share the time, the seed, and run(). For programs with more
    /// than one execution context.
    ///
    /// @param other May be destroyed before this context or after it.
    Context(beside_t /*beside*/, Context& other) : timeline_{other.timeline_} {
        detail::VirtualTimeMark::put_on(*this, this);
    }

    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    /// Destroys, undone, all that has not run. Pools on it may be destroyed before or afterwards.
    ~Context() {
        ending_ = true;
        const Scope scope{*this};
        shutdown();
        // What is destroyed here may queue more: a coroutine's frames are unwound on its executor.
        timeline_->drop(this);
        destroy();
        timeline_->drop(this);
    }

    /// Returns the executor that runs functions here.
    Executor get_executor() noexcept;

    /// Returns the seed.
    std::uint64_t seed() const noexcept { return timeline_->seed(); }

    /// Returns the virtual time.
    time_point now() const noexcept { return timeline_->now(); }

    /// Returns how much time has passed in the simulation.
    duration elapsed() const noexcept { return now() - detail::Timeline::start; }

    /// Runs the simulation until nothing is left to do. The time is then that of the last timer that has ended.
    ///
    /// @returns How many functions were run.
    /// @throws What a function throws. Call it again to go on, as with `io_context::run()`.
    std::size_t run() { return run_to(time_point::max()); }

    /// Runs the simulation for so long: run_until(now() + time).
    ///
    /// @returns How many functions were run.
    /// @throws What a function throws; the time is that of the function then.
    std::size_t run_for(duration time) { return run_until(timeline_->after(time)); }

    /// Runs the simulation until a time, which is the time afterwards. Timers that end just then are included. If a
    /// function lets time pass beyond it with advance(), that function is the last to run, and the time is later.
    ///
    /// @returns How many functions were run.
    /// @throws What a function throws; the time is that of the function then.
    std::size_t run_until(time_point time) {
        const std::size_t count = run_to(time);
        if (time != detail::Timeline::never) {
            timeline_->advance_to(time);
        }
        return count;
    }

    /// Runs what is ready, and what that makes ready, without letting time pass.
    ///
    /// @returns How many functions were run.
    /// @throws What a function throws.
    std::size_t poll() {
        std::size_t count = 0;
        while (run_one()) {
            ++count;
        }
        return count;
    }

    /// Runs one function that is ready, without letting time pass.
    ///
    /// @returns Whether there was one.
    /// @throws What the function throws. std::logic_error if a function that is running calls this, run() or one of its
    ///     siblings.
    bool run_one() {
        if (timeline_->running) {
            throw std::logic_error{
                "simulation::Context::run() was called by a function that it runs: let that return, or await what it "
                "waits for"};
        }
        const auto [owner, function] = timeline_->take();
        if (function == nullptr) {
            return false;
        }
        const Scope scope{*static_cast<const Context*>(owner)};
        const RunningMark mark{*timeline_};
        function->run();
        return true;
    }

    /// Lets time pass without running anything: within a handler, the time for which it computes; outside of run(),
    /// time in which the machine is busy with something else. It passes for all of the simulation, as on a machine with
    /// one thread: for work that others do at the same time, wait with a Timer.
    ///
    /// @param time Not negative.
    void advance(duration time) noexcept { timeline_->advance_to(timeline_->after(time)); }

    /// Returns how many functions of the simulation are ready.
    std::size_t ready() const noexcept { return timeline_->ready(); }

    /// Returns how many timers of the simulation are being waited for.
    std::size_t waits() const noexcept { return timeline_->waits(); }

    /// Returns when the next of those timers ends; the last time of all if none does.
    time_point next_wait() const noexcept { return timeline_->next_wait().value_or(time_point::max()); }

    /// Returns how many operations, coroutines and work guards keep this context from running out of work, as Asio
    /// counts them. After run() it is 0, unless something waits for what will never come.
    std::size_t outstanding_work() const noexcept { return work_.load(std::memory_order_relaxed); }

    /// Says what is left to do in the simulation, for the message of a test: empty if nothing is. After run() there
    /// is something left if a coroutine waits for what the simulation cannot bring: a real timer (also that of
    /// `asio::cancel_after`), an execution context of another kind, or an event that nobody will send.
    std::string what_is_left() const {
        std::string text;
        const auto add = [&](std::size_t count, const char* one, const char* many) {
            if (count != 0) {
                text += (text.empty() ? "" : "; ") + std::to_string(count) + (count == 1 ? one : many);
            }
        };
        const std::size_t for_ever = timeline_->waits_for_ever();
        add(ready(), " function is ready", " functions are ready");
        add(waits() - for_ever, " timer is waited for", " timers are waited for");
        add(for_ever, " timer that never ends is waited for", " timers that never end are waited for");
        if (text.empty() && timeline_->work != 0) {
            text =
                "something has not ended, and nothing here will end it: does it wait for a real timer (use "
                "simulation::Timer, not asio::steady_timer), for another execution context, or for an event that "
                "nobody sends? Or is there a work guard?";
        }
        return text;
    }

    /// Returns the context in whose run() this is called, or null.
    static const Context* running() noexcept { return running_; }

  private:
    friend class Executor;
    friend class Timer;

    /// As long as a function of a context is running.
    class Scope {
      public:
        explicit Scope(const Context& context) noexcept : outer_{std::exchange(running_, &context)} {}
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        ~Scope() { running_ = outer_; }

      private:
        const Context* const outer_;
    };

    /// As long as run() is in a function.
    class RunningMark {
      public:
        explicit RunningMark(detail::Timeline& timeline) noexcept : timeline_{timeline} { timeline_.running = true; }
        RunningMark(const RunningMark&) = delete;
        RunningMark& operator=(const RunningMark&) = delete;
        ~RunningMark() { timeline_.running = false; }

      private:
        detail::Timeline& timeline_;
    };

    /// The simulation that context is of.
    static Context& of(net::execution_context& context) {
        void* const simulation = detail::VirtualTimeMark::find(context);
        if (simulation == nullptr) {
            throw std::invalid_argument{
                "simulation::Timer: the executor is not one of a simulation::Context: run the coroutine that waits on "
                "context.get_executor(), or give the timer that"};
        }
        return *static_cast<Context*>(simulation);
    }

    std::size_t run_to(time_point limit) {
        std::size_t count = 0;
        for (;;) {
            while (now() <= limit && run_one()) {
                ++count;
            }
            const std::optional<time_point> next = timeline_->next_wait();
            if (now() > limit || !next || *next > limit) {
                return count;
            }
            timeline_->advance_to(*next);
        }
    }

    static inline constinit thread_local const Context* running_ = nullptr;

    void work_started() noexcept {
        ++work_;
        ++timeline_->work;
    }
    void work_finished() noexcept {
        --work_;
        --timeline_->work;
    }

    const std::shared_ptr<detail::Timeline> timeline_;
    std::atomic<std::size_t> work_{0};
    bool ending_ = false;
};

inline Clock::time_point Clock::now() {
    if (Context::running() == nullptr) {
        throw std::logic_error{
            "simulation::Clock::now() was called outside of a Context's run(): ask the context for now()"};
    }
    return Context::running()->now();
}

}  // namespace simulation

namespace detail {

/// Which sessions share a part of the map is the same each time.
template <>
struct HashKeySource<simulation::Clock> {
    static HashKey draw() noexcept { return {0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL}; }
};

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SIMULATION_CONTEXT_HPP
