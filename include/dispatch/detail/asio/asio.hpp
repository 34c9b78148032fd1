// SPDX-License-Identifier: Apache-2.0
// The one place that knows which Asio is underneath. The rest of the library says `net`.
#ifndef DISPATCH_DETAIL_ASIO_ASIO_HPP
#define DISPATCH_DETAIL_ASIO_ASIO_HPP

#include <exception>  // Asio 1.22 uses it without including it, which shows with libc++

#include <dispatch/detail/base/config.hpp>

#if defined(DISPATCH_USE_BOOST_ASIO)

#if !__has_include(<boost/asio/awaitable.hpp>)
#error \
    "dispatch: Boost.Asio was not found: install Boost 1.81 or later (Debian: libboost1.81-dev), or add its directory to the include path."
#endif
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/version.hpp>
#define DISPATCH_ASIO_VERSION BOOST_ASIO_VERSION
#if defined(BOOST_ASIO_HAS_CO_AWAIT)
#define DISPATCH_HAS_CO_AWAIT 1
#endif
#if defined(BOOST_ASIO_HAS_CONCEPTS)
#define DISPATCH_HAS_CONCEPTS 1
#endif
#if DISPATCH_ASIO_VERSION >= 103000
#include <boost/asio/deferred.hpp>
#endif

namespace dispatch::inline DISPATCH_ABI {
namespace net = boost::asio;
}  // namespace dispatch::inline DISPATCH_ABI

#else

#if !__has_include(<asio/awaitable.hpp>)
#error \
    "dispatch: standalone Asio was not found: install it (Debian, Ubuntu: libasio-dev), add its directory to the include path, or define DISPATCH_USE_BOOST_ASIO to use Boost.Asio."
#endif
#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>
#define DISPATCH_ASIO_VERSION ASIO_VERSION
#if defined(ASIO_HAS_CO_AWAIT)
#define DISPATCH_HAS_CO_AWAIT 1
#endif
#if defined(ASIO_HAS_CONCEPTS)
#define DISPATCH_HAS_CONCEPTS 1
#endif
#if DISPATCH_ASIO_VERSION >= 103000
#include <asio/deferred.hpp>
#endif

namespace dispatch::inline DISPATCH_ABI {
namespace net = asio;
}  // namespace dispatch::inline DISPATCH_ABI

#endif

#if !defined(DISPATCH_HAS_CO_AWAIT)
#error \
    "dispatch: this Asio does not see the compiler's coroutines. Build as C++20; with Clang, libstdc++ and an Asio before 1.26, define ASIO_HAS_CO_AWAIT and ASIO_HAS_STD_COROUTINE (the CMake target dispatch::dispatch does)."
#endif

#if DISPATCH_ASIO_VERSION < 102201
#error "dispatch: Asio 1.22.1 or later is needed."
#endif

#include <system_error>
#include <utility>

namespace dispatch::inline DISPATCH_ABI {

/// What co_await takes most cheaply on a given executor: deferred where an awaitable awaits it
/// without a coroutine frame of its own, else use_awaitable.
#if DISPATCH_ASIO_VERSION >= 103000
template <typename Executor>
using default_token = net::deferred_t;
#else
template <typename Executor>
using default_token = net::use_awaitable_t<Executor>;
#endif

namespace detail {

/// The error_code of Asio's own operations: std::error_code or boost::system::error_code.
using net_error = decltype(net::error::make_error_code(net::error::operation_aborted));

/// Whether Token takes what an operation with Signature brings, as far as this Asio can tell.
#if defined(DISPATCH_HAS_CONCEPTS)
template <typename Token, typename Signature>
inline constexpr bool fits_signature = net::completion_token_for<Token, Signature>;
#else
template <typename Token, typename Signature>
inline constexpr bool fits_signature = true;
#endif

/// executor.execute(function), which some executors of Asio before 1.26 keep to themselves.
template <typename Executor, typename Function>
void execute_on(const Executor& executor, Function&& function) {
#if DISPATCH_ASIO_VERSION < 102600
    net::execution::execute(executor, std::forward<Function>(function));
#else
    executor.execute(std::forward<Function>(function));
#endif
}

/// What a coroutine of Executor awaits to be suspended, without a frame for that: keep(resume) is called then, and
/// resume(), called once, goes on with the coroutine, until it is suspended again. A resume that is destroyed without
/// being called has the coroutine destroyed on its executor.
#if DISPATCH_ASIO_VERSION < 103000
/// Before deferred could be awaited without one, this is how Asio itself suspends a coroutine.
template <typename Executor>
class Resume {
  public:
    explicit Resume(net::detail::awaitable_thread<Executor>&& coroutine) noexcept : coroutine_{std::move(coroutine)} {}
    void operator()() && { coroutine_.launch(); }

  private:
    net::detail::awaitable_thread<Executor> coroutine_;
};

template <typename Executor, typename Keep>
auto suspended(Keep keep) {
    return [keep](auto* frame) {
        keep(Resume<Executor>{std::move(*frame->detach_thread())});
        return static_cast<net::detail::awaitable_thread<Executor>*>(nullptr);
    };
}
#else
template <typename Executor, typename Keep>
auto suspended(Keep keep) {
    return net::async_initiate<const net::deferred_t, void()>(keep, net::deferred);
}
#endif

inline std::error_code operation_aborted() { return net::error::make_error_code(net::error::operation_aborted); }

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_DETAIL_ASIO_ASIO_HPP
