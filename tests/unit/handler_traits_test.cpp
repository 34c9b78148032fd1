// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include <dispatch/detail/run/handler_traits.hpp>

// What follows is decided when this is compiled.
namespace handler_traits_test {

namespace net = dispatch::net;
using dispatch::JobContext;
using dispatch::detail::DeducedRequest;
using dispatch::detail::DeducedResponse;
using dispatch::detail::HandlerTraits;
using dispatch::detail::NonGenericHandler;

using Function = int (*)(std::string);
using FunctionNoexcept = int (*)(const std::string&) noexcept;
using CoroutineFunction = net::awaitable<std::string> (*)(int, JobContext&);

struct Mutable {
    int operator()(std::string);
};
struct Noexcept {
    void operator()(std::unique_ptr<int>) const noexcept;
};
struct Overloaded {
    int operator()(int) const;
    int operator()(int, JobContext&) const;
};
inline constexpr auto generic = [](auto request) { return request; };
inline constexpr auto in_context = [](int, JobContext&) -> net::awaitable<void> { co_return; };

template <typename Handler, typename R, typename S>
inline constexpr bool deduces =
    std::is_same_v<DeducedRequest<Handler>, R> && std::is_same_v<DeducedResponse<Handler>, S>;

static_assert(deduces<Function, std::string, int>);
static_assert(deduces<FunctionNoexcept, std::string, int>);
static_assert(deduces<CoroutineFunction, int, std::string>);
static_assert(deduces<Mutable, std::string, int>);
static_assert(deduces<Noexcept, std::unique_ptr<int>, void>);
static_assert(deduces<decltype(in_context), int, void>);
static_assert(NonGenericHandler<Mutable>);
static_assert(!NonGenericHandler<Overloaded>);
static_assert(!NonGenericHandler<decltype(generic)>);
static_assert(!NonGenericHandler<int>);

using Plain = HandlerTraits<std::string, int, Mutable>;
static_assert(!Plain::takes_context && Plain::takes_request && !Plain::is_coroutine);

using Coroutine = HandlerTraits<int, std::string, CoroutineFunction>;
static_assert(Coroutine::takes_context && !Coroutine::takes_request && Coroutine::is_coroutine);

using Generic = HandlerTraits<int, int, std::remove_const_t<decltype(generic)>>;
static_assert(!Generic::takes_context && Generic::takes_request && !Generic::is_coroutine);

// One that can be called both ways is called with the context.
using Both = HandlerTraits<int, int, Overloaded>;
static_assert(Both::takes_context && Both::takes_request);

// The response is converted: a handler may return what S can be made from.
using Converting = HandlerTraits<std::string, double, Mutable>;
static_assert(std::is_same_v<Converting::Value, int>);

TEST(HandlerTraits, AreCheckedByTheCompiler) {}

}  // namespace handler_traits_test
