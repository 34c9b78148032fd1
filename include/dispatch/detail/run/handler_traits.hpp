// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_HANDLER_TRAITS_HPP
#define DISPATCH_DETAIL_RUN_HANDLER_TRAITS_HPP

#include <type_traits>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/job.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

template <typename T>
inline constexpr bool is_awaitable = false;
template <typename T, typename Executor>
inline constexpr bool is_awaitable<net::awaitable<T, Executor>> = true;

template <typename T>
struct AwaitableTraits;
template <typename T, typename E>
struct AwaitableTraits<net::awaitable<T, E>> {
    using Value = T;
    using Executor = E;
};

template <typename T>
struct ResponseOf {
    using type = T;
};
template <typename T>
    requires is_awaitable<T>
struct ResponseOf<T> {
    using type = typename AwaitableTraits<T>::Value;
};

/// What the response type is of a handler that returns Returned, and takes Rest after the request. Specialized for
/// handlers that write their response.
template <typename Returned, typename... Rest>
struct ResponseOfSignature {
    using type = std::remove_cvref_t<typename ResponseOf<Returned>::type>;
};

/// Where R and S come from when they are not given: the signature of a handler that has just one.
template <typename Signature>
struct SignatureTraits {};
template <typename Result, typename First, typename... Rest>
struct SignatureTraits<Result(First, Rest...)> {
    using Request = std::remove_cvref_t<First>;
    using Returned = Result;
    using Response = typename ResponseOfSignature<Result, Rest...>::type;
};
template <typename Result, typename... Args>
struct SignatureTraits<Result (*)(Args...)> : SignatureTraits<Result(Args...)> {};
template <typename Result, typename... Args>
struct SignatureTraits<Result (*)(Args...) noexcept> : SignatureTraits<Result(Args...)> {};
template <typename Class, typename Result, typename... Args>
struct SignatureTraits<Result (Class::*)(Args...)> : SignatureTraits<Result(Args...)> {};
template <typename Class, typename Result, typename... Args>
struct SignatureTraits<Result (Class::*)(Args...) const> : SignatureTraits<Result(Args...)> {};
template <typename Class, typename Result, typename... Args>
struct SignatureTraits<Result (Class::*)(Args...) noexcept> : SignatureTraits<Result(Args...)> {};
template <typename Class, typename Result, typename... Args>
struct SignatureTraits<Result (Class::*)(Args...) const noexcept> : SignatureTraits<Result(Args...)> {};

template <typename Handler>
struct CallSignature : SignatureTraits<Handler> {};
template <typename Handler>
    requires requires { &Handler::operator(); }
struct CallSignature<Handler> : SignatureTraits<decltype(&Handler::operator())> {};

/// Handlers with one call operator, from which R and S can be told.
template <typename Handler>
concept NonGenericHandler = requires { typename CallSignature<std::decay_t<Handler>>::Request; };

template <typename Handler>
using DeducedRequest = typename CallSignature<std::decay_t<Handler>>::Request;
template <typename Handler>
using DeducedResponse = typename CallSignature<std::decay_t<Handler>>::Response;

/// A coroutine that is not Asio's: nobody here would run it.
template <typename T>
concept ForeignCoroutine = !is_awaitable<T> && requires { typename T::promise_type; };

/// Whether jobs with such requests have a WaitingRoom, which the request's member waiting_room() returns.
template <typename Request>
inline constexpr bool has_waiting_room = false;

/// How a handler for jobs of R and S is called. What it must look like is checked here, in one place.
template <typename R, typename S, typename Handler>
struct HandlerTraits {
    static constexpr bool takes_context = std::is_invocable_v<Handler&, R, JobContext&>;
    static constexpr bool takes_request = std::is_invocable_v<Handler&, R>;

    static_assert(takes_context || takes_request,
                  "dispatch: the handler cannot be called with a request. Write S(R) or awaitable<S>(R), optionally "
                  "with a second parameter JobContext&: for example [](Request request) -> asio::awaitable<Response> "
                  "{ ... }");

    static auto returned() {
        if constexpr (takes_context) {
            return std::type_identity<std::invoke_result_t<Handler&, R, JobContext&>>{};
        } else if constexpr (takes_request) {
            return std::type_identity<std::invoke_result_t<Handler&, R>>{};
        } else {
            return std::type_identity<S>{};
        }
    }

    using Returned = typename decltype(returned())::type;
    using Value = typename ResponseOf<Returned>::type;
    static constexpr bool is_coroutine = is_awaitable<Returned>;

    static_assert(!ForeignCoroutine<Returned> || std::is_same_v<Returned, S>,
                  "dispatch: the handler returns another library's coroutine, which a worker cannot await. Return "
                  "asio::awaitable<S>, and start the other coroutine within, with that library's adapter for Asio");
    static_assert(
        ForeignCoroutine<Returned> || (std::is_void_v<S> ? std::is_void_v<Value> : std::is_convertible_v<Value, S>),
        "dispatch: the handler does not return the pool's response type. Write S(R) or awaitable<S>(R), where "
        "S is the second template argument of spawn_workers and WorkerPool");
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_HANDLER_TRAITS_HPP
