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

/// What a permit gives its unit back to.
class PermitSource {
  public:
    virtual void release() noexcept = 0;

  protected:
    ~PermitSource() = default;
};

}  // namespace detail

/// Owns one unit of a Semaphore, and gives it back when it is destroyed. Movable. Empty if it was default-constructed
/// or moved from.
///
/// A permit may outlive the semaphore and its execution context. One permit must not be used by two threads at a time;
/// different permits may.
class [[nodiscard("a permit that is dropped is given back at once")]] Permit {
  public:
    /// Makes an empty permit.
    Permit() = default;
    /// Owns a unit that was already taken from source. For Semaphore.
    explicit Permit(std::shared_ptr<detail::PermitSource> source) noexcept : source_{std::move(source)} {}
    /// Takes over the unit, if there is one. The permit that is moved from is empty afterwards.
    Permit(Permit&&) noexcept = default;
    /// Gives back the unit that this permit owns, if any, and takes over that of other.
    Permit& operator=(Permit&& other) noexcept {
        if (this != &other) {
            release();
            source_ = std::move(other.source_);
        }
        return *this;
    }
    /// Gives the unit back, if there is one.
    ~Permit() { release(); }

    /// Returns whether the permit owns a unit.
    explicit operator bool() const noexcept { return source_ != nullptr; }

    /// Gives the unit back now, if there is one. The permit is empty afterwards.
    void release() noexcept {
        if (const std::shared_ptr<detail::PermitSource> source = std::move(source_)) {
            source->release();
        }
    }

    /// Makes the permit empty without giving its unit back. The semaphore has one unit less until somebody calls its
    /// release().
    void detach() noexcept { source_.reset(); }

  private:
    std::shared_ptr<detail::PermitSource> source_;
};

namespace detail {

/// The units of a semaphore, and its waiters in the order in which they came. The mutex guards units_ and waiters_.
/// Whoever takes a waiter out of the list, under the mutex, decides whether it is granted or cancelled, so no unit is
/// lost between the two.
template <typename Executor>
class SemaphoreState final : public PermitSource,
                             public ContextListener,
                             public std::enable_shared_from_this<SemaphoreState<Executor>> {
  public:
    struct Waiter : detail::Waiter<Executor, net_error, Permit> {
        using detail::Waiter<Executor, net_error, Permit>::Waiter;

        /// Nobody else keeps the semaphore's executor busy while an operation waits.
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
        // Nobody overtakes a waiter: units_ is 0 while there are any.
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

    /// Grants waiter a unit if one is free, or else appends it to the waiters.
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

    /// Removes waiter and completes it with operation_aborted, unless it was granted before.
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

/// An asynchronous counting semaphore. It has a number of units, each of which one Permit at a time can own; whoever
/// wants one waits without blocking a thread. First come, first served.
///
/// @par Object lifetimes
/// Permits and outstanding operations may outlive the semaphore. The semaphore may outlive its execution context; after
/// that, async_acquire() and get_executor() must not be called.
///
/// @par Thread safety
/// All members may be called concurrently from any thread, except the destructor, assignment to the semaphore, and
/// moving from it.
///
/// @tparam Executor The type of the executor on which completion handlers without an associated executor run.
template <typename Executor>
class BasicSemaphore {
    using State = detail::SemaphoreState<Executor>;
    using Waiter = typename State::Waiter;

  public:
    /// The type of the semaphore's executor.
    using executor_type = Executor;

    /// Makes a semaphore with this number of free units, which may be 0.
    ///
    /// @param executor Runs the completion handlers that have no associated executor.
    /// @param units How many units there are to begin with.
    /// @throws std::bad_alloc If there is no memory.
    BasicSemaphore(const Executor& executor, std::size_t units) : state_{std::make_shared<State>(executor, units)} {
        detail::listen(state_, executor);
    }
    /// Does not compile, with a message that says what to write: an execution context is not an executor.
    template <std::derived_from<net::execution_context> Context>
    BasicSemaphore(Context& /*context*/, std::size_t /*units*/) {
        static_assert(sizeof(Context) == 0,
                      "dispatch: a Semaphore takes an executor, and this is an execution context: write "
                      "context.get_executor()");
    }
    /// Takes over the units and the outstanding operations. The semaphore that is moved from may only be assigned to or
    /// destroyed.
    BasicSemaphore(BasicSemaphore&&) noexcept = default;
    /// Cancels the operations that wait for this semaphore, as cancel() does, and takes over the units and the
    /// outstanding operations of other. other may then only be assigned to or destroyed.
    BasicSemaphore& operator=(BasicSemaphore&& other) noexcept {
        if (this != &other) {
            cancel();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    /// Cancels the operations that wait, as cancel() does.
    ~BasicSemaphore() { cancel(); }

    /// Returns the executor that runs completion handlers without an associated executor. Precondition: the execution
    /// context is alive.
    executor_type get_executor() const noexcept { return state()->executor(); }

    /// Returns how many units are free: an estimate while other threads use the semaphore.
    std::size_t available() const noexcept { return state()->available(); }

    /// Waits for a unit, and completes with a Permit that owns it.
    ///
    /// If a unit is free, the operation takes it at once; otherwise it waits behind those that came before. It starts
    /// when token starts it: at once with a callback, when it is awaited with the default token.
    ///
    /// @par Preconditions
    /// The semaphore was not moved from. Its execution context is alive when the operation starts.
    ///
    /// @par Object lifetimes
    /// The operation keeps what it needs of the semaphore. The semaphore may be moved while the operation is
    /// outstanding. If it is destroyed, operations that wait complete with `operation_aborted`. If the execution
    /// context is destroyed, the completion handlers of outstanding operations are destroyed without being called;
    /// units that were granted to them are given back.
    ///
    /// @par Handler signature
    /// `void(error_code, Permit)`. With an error the permit is empty. `error_code` is the one of Asio's own operations:
    /// `std::error_code`, or `boost::system::error_code` with Boost.Asio.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on get_executor() if it has none. It is called as if
    /// by `asio::post`, never from within this function. The executor has outstanding work until then.
    ///
    /// @par Per-operation cancellation
    /// `terminal`, `partial` and `total`, with equal effect:
    ///   - Waiting: the operation completes with `operation_aborted`. The others keep their order.
    ///   - Granted, with the completion on its way: no effect. The handler receives the permit.
    ///
    /// The signal must be emitted on the associated executor, after the operation has started.
    ///
    /// @par Errors
    /// `operation_aborted`, if the operation was cancelled, cancel() was called, or the semaphore was destroyed or
    /// assigned to. If there is no memory for the operation, this function throws `std::bad_alloc` (or what the
    /// associated allocator throws) when the operation starts, and the handler is not called.
    ///
    /// @par Thread safety
    /// May be called concurrently with all members except the destructor, assignment, and moving from the semaphore.
    ///
    /// @param token A completion token. The default is for `co_await`.
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

    /// Returns a permit that owns a unit if one is free, or else an empty permit. Does not overtake operations that
    /// wait.
    Permit try_acquire() noexcept { return state()->try_acquire() ? Permit{state_} : Permit{}; }

    /// Adds a unit, which goes to the operation that has waited longest, if any. A Permit gives its unit back by
    /// itself: call this only for a unit that Permit::detach() removed, or to raise the number of units.
    void release() noexcept { state()->release(); }

    /// Completes all operations that wait with `operation_aborted`. Operations that start later are not affected.
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

/// A BasicSemaphore on any executor.
using Semaphore = BasicSemaphore<net::any_io_executor>;

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SEMAPHORE_HPP
