// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_STREAM_HANDLER_HPP
#define DISPATCH_DETAIL_STREAM_STREAM_HANDLER_HPP

#include <functional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/worker_executor.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/stream/stream_request.hpp>
#include <dispatch/job.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How a handler that writes a stream is called. What it must look like is checked here, in one place.
template <typename R, typename T, typename Executor, typename Handler>
struct StreamHandlerTraits {
    using Erased = Writer<T, net::any_io_executor>;
    using Typed = Writer<T, WorkerExecutor<Executor>>;

    template <typename W>
    static constexpr bool takes_context = std::is_invocable_v<Handler&, R, W&, JobContext&>;
    template <typename W>
    static constexpr bool takes = takes_context<W> || std::is_invocable_v<Handler&, R, W&>;

    static_assert(takes<Erased> || takes<Typed>,
                  "dispatch: the response type is a Stream<T>, and the handler cannot be called with a request and a "
                  "writer. Write awaitable<void>(R, Writer<T>&), optionally with a third parameter JobContext&: for "
                  "example [](Request request, dispatch::Writer<Part>& out) -> asio::awaitable<void> { ... }");

    using WriterType = std::conditional_t<takes<Erased>, Erased, Typed>;

    static auto returned() {
        if constexpr (takes_context<WriterType>) {
            return std::type_identity<std::invoke_result_t<Handler&, R, WriterType&, JobContext&>>{};
        } else if constexpr (takes<WriterType>) {
            return std::type_identity<std::invoke_result_t<Handler&, R, WriterType&>>{};
        } else {
            return std::type_identity<void>{};
        }
    }

    using Returned = typename decltype(returned())::type;
    /// That of another library's coroutine says more in HandlerTraits.
    static constexpr bool returns_nothing =
        std::is_void_v<typename ResponseOf<Returned>::type> || ForeignCoroutine<Returned>;

    static_assert(returns_nothing,
                  "dispatch: a handler that writes a stream returns nothing besides: write awaitable<void>(R, "
                  "Writer<T>&), and give each value to co_await out.write(...)");

    static constexpr bool fits = takes<WriterType> && returns_nothing;
};

/// A handler that writes a stream, as its worker calls it. One for each worker.
template <typename R, typename T, typename Executor, typename Handler>
class StreamHandler {
    using Request = StreamRequest<R, T, Executor>;
    using Traits = StreamHandlerTraits<R, T, Executor, Handler>;
    using WriterType = typename Traits::WriterType;

  public:
    template <typename Source>
        requires(!std::is_same_v<std::remove_cvref_t<Source>, StreamHandler>)
    explicit StreamHandler(Source&& source) : handler_(std::forward<Source>(source)) {}

    decltype(auto) operator()(Request&& request)
        requires(Traits::fits && std::is_invocable_v<Handler&, R, WriterType&>)
    {
        return std::invoke(handler_, std::move(request.request), writer(request));
    }

    decltype(auto) operator()(Request&& request, JobContext& context)
        requires(Traits::fits && std::is_invocable_v<Handler&, R, WriterType&, JobContext&>)
    {
        return std::invoke(handler_, std::move(request.request), writer(request), context);
    }

    /// One message is enough.
    void operator()(Request&& /*request*/)
        requires(!Traits::fits)
    {}

  private:
    static WriterType& writer(Request& request) noexcept {
        if constexpr (std::is_same_v<WriterType, Writer<T, net::any_io_executor>>) {
            return request.writer;
        } else {
            return request.typed_writer;
        }
    }

    Handler handler_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_STREAM_STREAM_HANDLER_HPP
