// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SIMULATION_TIMER_HPP
#define DISPATCH_SIMULATION_TIMER_HPP

#include <concepts>
#include <cstddef>
#include <memory>
#include <set>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/simulation/timeline.hpp>
#include <dispatch/simulation/context.hpp>
#include <dispatch/simulation/executor.hpp>

namespace dispatch::inline DISPATCH_ABI::simulation {

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

}  // namespace dispatch::inline DISPATCH_ABI::simulation

#endif  // DISPATCH_SIMULATION_TIMER_HPP
