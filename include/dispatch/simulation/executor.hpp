// SPDX-License-Identifier: Apache-2.0
//
// A part of dispatch/simulation.hpp. What the library asks about the Executor is beside it, so that none of it can be
// missing where the Executor is known.
#ifndef DISPATCH_SIMULATION_EXECUTOR_HPP
#define DISPATCH_SIMULATION_EXECUTOR_HPP

#include <memory>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/single_tasks.hpp>
#include <dispatch/detail/simulation/timeline.hpp>
#include <dispatch/simulation/context.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace simulation {

class Timer;  // in timer.hpp

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

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SIMULATION_EXECUTOR_HPP
