// SPDX-License-Identifier: Apache-2.0
//
// Virtual time. A simulation::Context is an execution context whose time jumps to when there is something to do next:
// handlers, selection policies and whole pools run on it as in production, a day takes milliseconds, and the same seed
// repeats what happened exactly. See docs/simulation.md.
#ifndef DISPATCH_SIMULATION_HPP
#define DISPATCH_SIMULATION_HPP

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/virtual_time_mark.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/single_tasks.hpp>
#include <dispatch/detail/sessions/siphash.hpp>
#include <dispatch/detail/simulation/timeline.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace simulation {

class Context;
class Executor;

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

/// The executor of a Context. Its functions run in Context::run(), at once only if `asio::dispatch` is called there.
///
/// It compares equal to another one if their context and their properties are the same. As with Asio's executors, one
/// that outlives its context may only be destroyed or assigned to, and only if it does not track work.
class Executor {
  public:
    /// Makes the executor of context, which does not track work.
    explicit Executor(Context& context) noexcept : context_{&context} {}
    /// Copies it; if it tracks work, so does the copy.
    Executor(const Executor& other) noexcept
        : context_{other.context_}, never_blocks_{other.never_blocks_}, tracked_{other.tracked_} {
        count_work();
    }
    /// Takes over the work that it tracks.
    Executor(Executor&& other) noexcept
        : context_{other.context_},
          never_blocks_{other.never_blocks_},
          // Asio does not destroy a work guard that it has moved from.
          tracked_{std::exchange(other.tracked_, false)} {}
    /// Copies it; if it tracks work, so does the copy.
    Executor& operator=(const Executor& other) noexcept {
        if (this != &other) {
            uncount_work();
            context_ = other.context_;
            never_blocks_ = other.never_blocks_;
            tracked_ = other.tracked_;
            count_work();
        }
        return *this;
    }
    /// Stops tracking work.
    ~Executor() { uncount_work(); }

    /// Returns the context.
    Context& context() const noexcept { return *context_; }

    /// Returns whether this is called by a function of the context.
    bool running_in_this_thread() const noexcept { return Context::running() == context_; }

    /// Runs function, once: later, or within this call if the executor may block and is called by the context's run().
    template <typename Function>
    void execute(Function&& function) const {
        if (!never_blocks_ && running_in_this_thread() && !context_->ending_ && context_->timeline_->runs_at_once()) {
            std::decay_t<Function> owned{std::forward<Function>(function)};
            std::move(owned)();
        } else {
            context_->timeline_->add(
                context_, std::make_unique<FunctionOf<std::decay_t<Function>>>(std::forward<Function>(function)));
        }
    }

    /// Returns the context, for Asio.
    net::execution_context& query(net::execution::context_t /*property*/) const noexcept { return *context_; }
    /// Returns whether execute() may run a function within the call.
    net::execution::blocking_t query(net::execution::blocking_t /*property*/) const noexcept {
        if (never_blocks_) {
            return net::execution::blocking.never;
        }
        return net::execution::blocking.possibly;
    }
    /// Returns whether it tracks work.
    net::execution::outstanding_work_t query(net::execution::outstanding_work_t /*property*/) const noexcept {
        if (tracked_) {
            return net::execution::outstanding_work.tracked;
        }
        return net::execution::outstanding_work.untracked;
    }
    /// Returns an executor that always runs functions later.
    Executor require(net::execution::blocking_t::never_t /*property*/) const noexcept { return with(true, tracked_); }
    /// Returns an executor that may run functions at once.
    Executor require(net::execution::blocking_t::possibly_t /*property*/) const noexcept {
        return with(false, tracked_);
    }
    /// Returns an executor that tracks work.
    Executor require(net::execution::outstanding_work_t::tracked_t /*property*/) const noexcept {
        return with(never_blocks_, true);
    }
    /// Returns an executor that does not track work.
    Executor require(net::execution::outstanding_work_t::untracked_t /*property*/) const noexcept {
        return with(never_blocks_, false);
    }

    /// For Asio's strands, which take themselves for executors of the Networking TS: work has begun.
    void on_work_started() const noexcept { context_->work_started(); }
    /// As on_work_started(): work has ended.
    void on_work_finished() const noexcept { context_->work_finished(); }

    /// Whether they have the same context and properties.
    friend bool operator==(const Executor& a, const Executor& b) noexcept {
        return a.context_ == b.context_ && a.never_blocks_ == b.never_blocks_ && a.tracked_ == b.tracked_;
    }
    /// Whether their contexts or properties differ.
    friend bool operator!=(const Executor& a, const Executor& b) noexcept { return !(a == b); }

  private:
    template <typename F>
    class FunctionOf final : public detail::Timeline::Function {
      public:
        template <typename G>
        explicit FunctionOf(G&& function) : function_{std::forward<G>(function)} {}
        void run() override {
            F function{std::move(function_)};
            std::move(function)();
        }

      private:
        F function_;
    };

    Executor with(bool never_blocks, bool tracked) const noexcept {
        Executor executor{*context_};
        executor.never_blocks_ = never_blocks;
        executor.tracked_ = tracked;
        executor.count_work();
        return executor;
    }

    void count_work() const noexcept {
        if (tracked_) {
            context_->work_started();
        }
    }
    void uncount_work() const noexcept {
        if (tracked_) {
            context_->work_finished();
        }
    }

    Context* context_;
    bool never_blocks_ = false;
    bool tracked_ = false;
};

inline Executor Context::get_executor() noexcept { return Executor{*this}; }

inline Clock::time_point Clock::now() {
    if (Context::running() == nullptr) {
        throw std::logic_error{
            "simulation::Clock::now() was called outside of a Context's run(): ask the context for now()"};
    }
    return Context::running()->now();
}

/// A timer in virtual time, with the interface of `asio::steady_timer`, but for what blocks: a production handler
/// that is a template on its timer, or gets one made for it, runs unchanged.
///
/// A timer that outlives its context may only be cancelled or destroyed. One that was made from a strand, or from the
/// executor of a worker's handler, must go before the context, as with Asio's timers.
///
/// @par Thread safety
/// None, as with Asio's timers.
class Timer {
  public:
    /// Any executor of a simulation, such as that of a worker's handler.
    using executor_type = net::any_io_executor;
    /// The clock.
    using clock_type = Clock;
    /// How far times are apart.
    using duration = Clock::duration;
    /// A time on the clock.
    using time_point = Clock::time_point;

    /// Makes a timer that has expired.
    ///
    /// @param executor An executor of a simulation::Context, of whatever type:
    ///     `simulation::Timer timer{co_await asio::this_coro::executor};`
    /// @throws std::invalid_argument If executor is of another execution context.
    template <typename Ex>
        requires(!std::derived_from<Ex, net::execution_context>)
    explicit Timer(const Ex& executor) : Timer{executor, time_point{}} {}
    /// As Timer(executor), for a timer that expires at a time.
    template <typename Ex>
        requires(!std::derived_from<Ex, net::execution_context>)
    Timer(const Ex& executor, time_point time) : state_{std::make_shared<State>(of(executor), executor)} {
        state_->expiry = time;
    }
    /// As Timer(executor), for a timer that expires after a time.
    template <typename Ex>
        requires(!std::derived_from<Ex, net::execution_context>)
    Timer(const Ex& executor, duration time) : Timer{executor, time_point{}} {
        state_->expiry = state_->timeline->after(time);
    }
    /// Makes a timer of context that has expired.
    explicit Timer(Context& context) : Timer{context.get_executor()} {}
    /// Makes a timer of context that expires at a time.
    Timer(Context& context, time_point time) : Timer{context.get_executor(), time} {}
    /// Makes a timer of context that expires after a time.
    Timer(Context& context, duration time) : Timer{context.get_executor(), time} {}

    /// Takes over the timer with those who wait for it. The one that is moved from may only be assigned to or
    /// destroyed.
    Timer(Timer&&) noexcept = default;
    /// Cancels this timer, and takes over the other.
    Timer& operator=(Timer&& other) noexcept {
        if (this != &other) {
            cancel_all();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    /// Cancels it.
    ~Timer() { cancel_all(); }

    /// Returns the executor of handlers that have none of their own.
    executor_type get_executor() const noexcept { return state_->executor; }

    /// Returns when it expires.
    time_point expiry() const noexcept { return state_->expiry; }

    /// Sets when it expires; `time_point::max()`: never. Those who wait complete with `operation_aborted`.
    ///
    /// @returns How many waited.
    std::size_t expires_at(time_point time) noexcept {
        const std::size_t cancelled = cancel();
        state_->expiry = time;
        return cancelled;
    }

    /// Sets after what time it expires. Those who wait complete with `operation_aborted`.
    ///
    /// @returns How many waited.
    std::size_t expires_after(duration time) noexcept { return expires_at(state_->timeline->after(time)); }

    /// Completes those who wait with `operation_aborted`.
    ///
    /// @returns How many waited.
    std::size_t cancel() noexcept {
        const std::shared_ptr<State> state = state_;  // kept, as who waits may own the timer
        std::size_t cancelled = 0;
        for (const WaitId& id : std::exchange(state->waits, {})) {
            cancelled += state->timeline->cancel(id) ? 1U : 0U;
        }
        return cancelled;
    }

    /// Completes who has waited the longest with `operation_aborted`.
    ///
    /// @returns How many that were: 1, or 0 if nobody waits.
    std::size_t cancel_one() noexcept {
        if (state_->waits.empty()) {
            return 0;
        }
        const WaitId id = *state_->waits.begin();
        state_->waits.erase(state_->waits.begin());
        return state_->timeline->cancel(id) ? 1 : 0;
    }

    /// Waits until the timer expires or is cancelled.
    ///
    /// @par Object lifetimes
    /// The timer may be destroyed meanwhile: that cancels it.
    ///
    /// @par Handler signature
    /// `void(error_code)`, with Asio's error_code: `operation_aborted` if it was cancelled.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on get_executor() if it has none; never from within
    /// this function.
    ///
    /// @par Per-operation cancellation
    /// Any type: the operation completes with `operation_aborted`.
    ///
    /// @par Errors
    /// `operation_aborted`, no other. When the operation starts, this function may throw std::bad_alloc; once it has
    /// started, it needs no memory to end.
    ///
    /// @param token A completion token. The default is for `co_await`.
    template <typename Token = default_token<executor_type>>
    auto async_wait(Token&& token = {}) {
        using Signature = void(detail::net_error);
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits,
                      "dispatch: this completion token does not fit async_wait(): a callback is called with "
                      "(error_code): write [](auto error) { ... }");
        if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Initiation{state_}, token);
        }
    }

  private:
    using WaitId = detail::Timeline::WaitId;

    struct State {
        State(Context& of, executor_type ex) : context{&of}, timeline{of.timeline_}, executor{std::move(ex)} {}

        void forget(const WaitId& id) noexcept { waits.erase(id); }

        const void* const context;
        const std::shared_ptr<detail::Timeline> timeline;
        const executor_type executor;
        time_point expiry{};
        /// Of this timer, in the order in which they began: all have the same time.
        std::set<WaitId> waits;
    };

    template <typename Handler>
    class WaitOf final : public detail::Timeline::Wait {
      public:
        WaitOf(Handler&& handler, const std::shared_ptr<State>& state, const WaitId& wait_id)
            : id{wait_id},
              handler_{std::move(handler)},
              state_{state},
              work_{net::get_associated_executor(handler_, state->executor)} {}
        WaitOf(const WaitOf&) = delete;
        WaitOf& operator=(const WaitOf&) = delete;
        ~WaitOf() override { state_->forget(id); }

        void end(bool cancelled) noexcept override {
            state_->forget(id);
            cancelled_ = cancelled;
        }

        void run() override {
            const detail::net_error error =
                cancelled_ ? net::error::make_error_code(net::error::operation_aborted) : detail::net_error{};
            net::dispatch(work_.get_executor(),
                          [handler = std::move(handler_), error]() mutable { std::move(handler)(error); });
        }

        const WaitId id;

      private:
        Handler handler_;
        bool cancelled_ = false;
        const std::shared_ptr<State> state_;
        net::executor_work_guard<net::associated_executor_t<Handler, executor_type>> work_;
    };

    struct Initiation {
        using executor_type = Timer::executor_type;
        std::shared_ptr<State> state;

        executor_type get_executor() const noexcept { return state->executor; }

        template <typename Handler>
        void operator()(Handler&& handler) const {
            using Owned = std::decay_t<Handler>;
            auto slot = net::get_associated_cancellation_slot(handler);
            const WaitId id = state->timeline->new_wait(state->expiry);
            auto wait = std::make_unique<WaitOf<Owned>>(Owned{std::forward<Handler>(handler)}, state, id);
            if (slot.is_connected()) {
                slot.assign([timeline = state->timeline, id](net::cancellation_type_t type) {
                    if (type != net::cancellation_type::none) {
                        timeline->cancel(id);
                    }
                });
            }
            state->waits.insert(id);  // which wait's destructor undoes
            state->timeline->add_wait(state->context, id, std::move(wait));
        }
    };

    template <typename Ex>
    static Context& of(const Ex& executor) {
        return Context::of(net::query(executor, net::execution::context));
    }

    void cancel_all() noexcept {
        if (state_) {
            cancel();
        }
    }

    std::shared_ptr<State> state_;
};

/// What explore() throws: a seed with which the program failed.
class SeedFailed : public std::runtime_error {
  public:
    /// For explore().
    SeedFailed(std::uint64_t seed, const std::string& why)
        : std::runtime_error{"seed " + std::to_string(seed) + " fails: " + why +
                             ". To repeat it: simulation::Context context{" + std::to_string(seed) + "}"},
          seed_{seed} {}

    /// Returns the seed.
    std::uint64_t seed() const noexcept { return seed_; }

  private:
    std::uint64_t seed_;
};

/// Runs program(context) with the seeds from 0 to seeds - 1, each on a Context of its own, until it fails: looks for
/// races, in the orders that the seeds lead to.
///
/// program sets up what it tests, calls `context.run()`, and checks what has come of it: `context.what_is_left()`
/// is empty if nothing hangs. It fails by an exception, or by returning false. Context::seed() is the seed that it got.
///
/// @throws SeedFailed At the first failure. What program threw is nested in it (`std::rethrow_if_nested`).
template <std::invocable<Context&> Program>
void explore(std::uint64_t seeds, Program&& program) {
    for (std::uint64_t seed = 0; seed != seeds; ++seed) {
        try {
            Context context{seed};
            using Result = std::invoke_result_t<Program&, Context&>;
            static_assert(
                std::is_void_v<Result> || std::is_same_v<Result, bool>,
                "dispatch: explore() takes a program that returns nothing or bool: one that is a coroutine is to be "
                "started within (co_spawn), and run by context.run()");
            if constexpr (std::is_same_v<Result, bool>) {
                if (!program(context)) {
                    throw std::runtime_error{"the program returned false"};
                }
            } else {
                program(context);
            }
        } catch (const std::exception& error) {
            std::throw_with_nested(SeedFailed{seed, error.what()});
        } catch (...) {
            std::throw_with_nested(SeedFailed{seed, "an exception that is no std::exception"});
        }
    }
}

}  // namespace simulation

/// Virtual time for pools on simulation::Executor.
template <>
struct TimeSource<simulation::Executor> {
    /// Tells the time of the context in whose run() it is asked.
    using Clock = simulation::Clock;
    /// Waits in virtual time.
    using Timer = simulation::Timer;
    /// Tells the time of executor's context.
    static Clock::time_point now(const simulation::Executor& executor) noexcept { return executor.context().now(); }
};

namespace detail {

/// The seed decides on the order of all tasks.
template <>
struct RunsTasksSingly<simulation::Executor> : std::true_type {};

/// Which sessions share a part of the map is the same each time.
template <>
struct HashKeySource<simulation::Clock> {
    static HashKey draw() noexcept { return {0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL}; }
};

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SIMULATION_HPP
