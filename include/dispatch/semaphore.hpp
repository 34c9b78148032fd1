// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SEMAPHORE_HPP
#define DISPATCH_SEMAPHORE_HPP

#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/reply/waiter_list.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

/// Where a permit goes back to.
class PermitSource {
  public:
    virtual void release() noexcept = 0;

  protected:
    ~PermitSource() = default;
};

}  // namespace detail

/// One unit of a Semaphore, given back when this is destroyed. Movable; empty when default-made or
/// moved from. It may outlive the Semaphore. One thread at a time.
class [[nodiscard("a permit that is dropped is given back at once")]] Permit {
  public:
    /// An empty one.
    Permit() = default;
    /// For Semaphore: takes over a unit that was already subtracted.
    explicit Permit(std::shared_ptr<detail::PermitSource> source) noexcept : source_{std::move(source)} {}
    /// Takes the unit over, if there is one: the permit that is moved from is empty.
    Permit(Permit&&) noexcept = default;
    /// The same; a unit that this holds is given back first.
    Permit& operator=(Permit&& other) noexcept {
        if (this != &other) {
            release();
            source_ = std::move(other.source_);
        }
        return *this;
    }
    /// Gives the unit back.
    ~Permit() { release(); }

    /// Whether this holds a unit.
    explicit operator bool() const noexcept { return source_ != nullptr; }

    /// Gives the unit back now.
    void release() noexcept {
        if (const std::shared_ptr<detail::PermitSource> source = std::move(source_)) {
            source->release();
        }
    }

    /// Keeps the unit out of the semaphore for good, or until somebody calls Semaphore::release().
    void detach() noexcept { source_.reset(); }

  private:
    std::shared_ptr<detail::PermitSource> source_;
};

namespace detail {

/// A semaphore's units and those who wait for one, in order. The mutex guards units_ and waiters_;
/// whether a waiter is granted or cancelled is decided under it, by who takes the waiter out of the
/// list, so a unit can not be lost between the two.
template <typename Executor>
class SemaphoreState final : public PermitSource,
                             public ContextListener,
                             public std::enable_shared_from_this<SemaphoreState<Executor>> {
  public:
    struct Waiter : detail::Waiter<Executor, net_error, Permit> {
        using detail::Waiter<Executor, net_error, Permit>::Waiter;

        /// A semaphore is not at work while somebody waits for it.
        static constexpr bool native_is_kept_busy = false;
    };

    SemaphoreState(const Executor& executor, std::size_t units) : executor_{executor}, units_{units} {}

    /// Only while the context lives.
    const Executor& executor() const noexcept {
        DISPATCH_ASSERT(executor_.has_value(), "a Semaphore's executor was asked for after its context was destroyed");
        return *executor_;
    }

    std::size_t available() const noexcept {
        const std::lock_guard lock{mutex_};
        return units_;
    }

    bool try_acquire() noexcept {
        const std::lock_guard lock{mutex_};
        // Those who wait are served first: units_ is 0 as long as there are any.
        return units_ != 0 && units_-- != 0;
    }

    void release() noexcept override {
        Waiter* next = nullptr;
        {
            const std::lock_guard lock{mutex_};
            next = waiters_.pop_front();
            if (next == nullptr) {
                ++units_;
                return;
            }
        }
        grant(*next);
    }

    /// Grants waiter a unit now or later.
    void enqueue(Waiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            if (units_ == 0) {
                waiters_.push_back(waiter);
                return;
            }
            --units_;
        }
        grant(waiter);
    }

    /// Takes waiter out of the line, unless it has been granted.
    void cancel(Waiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            if (!executor_ || !waiters_.remove(waiter)) {  // without a context waiter is gone, too
                return;
            }
        }
        refuse(waiter);
    }

    void cancel_all() noexcept {
        IntrusiveList<Waiter> waiters = take_all();
        while (Waiter* waiter = waiters.pop_front()) {
            refuse(*waiter);
        }
    }

    void context_shutdown() noexcept override {
        IntrusiveList<Waiter> waiters = take_all();
        while (Waiter* waiter = waiters.pop_front()) {
            waiter->destroy();
        }
        executor_.reset();
    }

  private:
    IntrusiveList<Waiter> take_all() noexcept {
        const std::lock_guard lock{mutex_};
        return waiters_.take_all();
    }

    void grant(Waiter& waiter) noexcept {
        waiter.set_result(net_error{}, Permit{this->shared_from_this()});
        waiter.post(*executor_);
    }

    void refuse(Waiter& waiter) noexcept {
        waiter.set_result(net::error::operation_aborted, Permit{});
        waiter.post(*executor_);
    }

    std::optional<Executor> executor_;
    mutable Mutex mutex_;
    std::size_t units_;
    WaiterList<Waiter> waiters_;
};

}  // namespace detail

/// An asynchronous counting semaphore: first come, first served. All members but the destructor and
/// assignment are thread-safe. Permits and waiters may outlive it. It may outlive its context, but then
/// async_acquire() and get_executor() must not be called any more. Who waits keeps the handler's executor
/// from running out of work.
template <typename Executor>
class BasicSemaphore {
    using State = detail::SemaphoreState<Executor>;
    using Waiter = typename State::Waiter;

  public:
    /// What handlers without an executor of their own are called on.
    using executor_type = Executor;

    /// units is how many permits there are to begin with. Handlers without an executor of their own
    /// are called on executor.
    BasicSemaphore(const Executor& executor, std::size_t units) : state_{std::make_shared<State>(executor, units)} {
        detail::listen(state_, executor);
    }
    /// Does not compile, and says what to write: a context is not an executor.
    template <std::derived_from<net::execution_context> Context>
    BasicSemaphore(Context& /*context*/, std::size_t /*units*/) {
        static_assert(sizeof(Context) == 0,
                      "dispatch: a Semaphore takes an executor, and this is an execution context: write "
                      "context.get_executor()");
    }
    /// Takes over units and those who wait. The one that is moved from may only be assigned to or destroyed.
    BasicSemaphore(BasicSemaphore&&) noexcept = default;
    /// The same; those who wait for this one complete with operation_aborted.
    BasicSemaphore& operator=(BasicSemaphore&& other) noexcept {
        if (this != &other) {
            cancel();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    /// Those who wait complete with operation_aborted.
    ~BasicSemaphore() { cancel(); }

    /// The executor of handlers without one of their own. Only while its context lives.
    executor_type get_executor() const noexcept { return state()->executor(); }

    /// Units that are free: an estimate, for other threads go on meanwhile.
    std::size_t available() const noexcept { return state()->available(); }

    /// Waits for a unit.
    ///
    /// token: any completion token. Completion signature: void(error_code, Permit), on the handler's associated
    /// executor, never from within this function. Cancellation (any type): leaves the line with operation_aborted,
    /// unless a unit was granted before; a unit is never lost.
    template <typename Token = default_token<Executor>>
    auto async_acquire(Token&& token = {}) {
        using Signature = void(detail::net_error, Permit);
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits,
                      "dispatch: this completion token does not fit async_acquire(): a callback is called with "
                      "(error_code, dispatch::Permit): write [](auto error, dispatch::Permit permit) { ... }");
        if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Acquire{state()}, token);
        }
    }

    /// A permit, if one is free and nobody waits for it; else an empty one.
    Permit try_acquire() noexcept { return state()->try_acquire() ? Permit{state_} : Permit{}; }

    /// Adds a unit. Permits do this on their own; call it for one that was detached, or to grow.
    void release() noexcept { state()->release(); }

    /// Completes those who wait with operation_aborted.
    void cancel() noexcept {
        if (state_) {
            state_->cancel_all();
        }
    }

  private:
    struct Cancel {
        std::shared_ptr<State> state;
        Waiter* waiter;
        void operator()(net::cancellation_type_t type) const {
            if (type != net::cancellation_type::none) {
                state->cancel(*waiter);
            }
        }
    };

    struct Acquire {
        using executor_type = Executor;
        std::shared_ptr<State> state;

        executor_type get_executor() const noexcept { return state->executor(); }

        template <typename Handler>
        void operator()(Handler&& handler) const {
            using Operation = detail::HandlerOperation<Waiter, std::decay_t<Handler>, Executor>;
            std::decay_t<Handler> owned{std::forward<Handler>(handler)};
            std::unique_ptr<Operation, detail::DestroyOperation> operation{
                Operation::make(owned, state->executor(), detail::Memory::handler, 0)};
            if (auto slot = operation->cancellation_slot(); slot.is_connected()) {
                slot.template emplace<Cancel>(Cancel{state, operation.get()});
            }
            state->enqueue(*operation.release());
        }
    };

    const std::shared_ptr<State>& state() const noexcept {
        DISPATCH_ASSERT(state_,
                        "a Semaphore was used after it was moved from: it may only be assigned to or destroyed");
        return state_;
    }

    std::shared_ptr<State> state_;
};

/// A semaphore on any executor.
using Semaphore = BasicSemaphore<net::any_io_executor>;

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SEMAPHORE_HPP
