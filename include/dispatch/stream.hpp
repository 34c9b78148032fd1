// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_STREAM_HPP
#define DISPATCH_STREAM_HPP

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/worker_executor.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/run/job_traits.hpp>
#include <dispatch/detail/run/pool_state.hpp>
#include <dispatch/detail/stream/stream_core.hpp>
#include <dispatch/detail/stream/stream_handler.hpp>
#include <dispatch/detail/stream/stream_job.hpp>
#include <dispatch/detail/stream/stream_request.hpp>
#include <dispatch/job.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

template <typename Token>
inline constexpr bool is_use_awaitable = false;
template <typename Executor>
inline constexpr bool is_use_awaitable<net::use_awaitable_t<Executor>> = true;

template <typename Token>
struct AwaitedBy;
template <typename E>
struct AwaitedBy<net::use_awaitable_t<E>> {
    using Executor = E;
};

}  // namespace detail

/// The response of a job in parts, as its handler writes them: what a pool with the response type `Stream<T>` gives to
/// its submitters.
///
///     asio::awaitable<void> count(int up_to, dispatch::Writer<int>& out) {
///         for (int i = 1; i <= up_to; ++i) {
///             co_await out.write(i);
///         }
///     }
///
///     dispatch::WorkerPool<int, dispatch::Stream<int>> pool{dispatch::spawn_workers(executor, 4, count)};
///     dispatch::Stream<int> numbers = co_await pool.submit("ada", 3);
///     while (std::optional<int> number = co_await numbers.next()) { ... }
///
/// The submit operation completes when the handler has written the first part, or has ended without one: with what it
/// has thrown, or with a stream that is at its end. To the pool the job lasts until its handler has ended: so long it
/// keeps its permit, and so long its deadline, stop(), drain() and the ledger mean it.
///
/// A handler that is PoolOptions::stream_buffer parts ahead of the reader waits for it.
///
/// @par Object lifetimes
/// Destroying a stream, or assigning to it, cancels the handler (`terminal`), unless that has ended. Unread parts are
/// destroyed. A stream may outlive its pool and the execution context; it still has the parts that were written.
///
/// @par Thread safety
/// Different threads may use different streams. One stream may be used by one thread at a time. The handler may write
/// at the same time. While the pool's execution context is being destroyed, no other thread may use the stream, not
/// even to destroy it, or to cancel next().
///
/// @tparam T The type of parts. May be move-only; its move constructor must not throw.
/// @tparam Executor Which coroutines can await next() as it is: those that return `awaitable<..., Executor>`. (Others
///     give it a token.)
template <typename T, typename Executor = net::any_io_executor>
class [[nodiscard]] Stream {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                  "dispatch: the parts of a Stream<T> are objects: T is neither void, nor a reference, nor const");

  public:
    /// The type of parts.
    using value_type = T;
    /// Runs completion handlers without an associated executor.
    using executor_type = net::any_io_executor;

    /// Makes a stream that is at its end.
    Stream() noexcept = default;
    /// Takes over the parts of other, which is at its end afterwards. An operation that waits goes on.
    Stream(Stream&& other) noexcept : core_{std::exchange(other.core_, nullptr)} {}
    /// The same; the stream that was here before is destroyed.
    Stream& operator=(Stream&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::exchange(other.core_, nullptr);
        }
        return *this;
    }
    ~Stream() { close(); }

    /// Returns the executor of the pool, on which completion handlers without an associated executor run; the system
    /// executor if the context is gone, or this is not the stream of a job (any more).
    executor_type get_executor() const noexcept {
        return core_ != nullptr ? core_->executor() : executor_type{net::system_executor{}};
    }

    /// Waits for the next part, and completes with it; or with an empty optional at the end of the stream.
    ///
    /// If the handler has thrown an exception, the parts that it had written come first, and then the exception, once.
    /// After that, the stream is at its end. When it is awaited with the default token and a part is there,
    /// the coroutine goes on at once, without being suspended.
    ///
    /// The operation starts when token starts it: when it is awaited with the default token, at once with a callback.
    ///
    /// @par Object lifetimes
    /// The stream must exist until the operation starts. If it is destroyed while the operation waits, that completes
    /// with `operation_aborted`. If the pool's execution context is destroyed while the operation waits, the completion
    /// handler is destroyed without being called.
    ///
    /// @par Handler signature
    /// `void(std::exception_ptr, std::optional<T>)`. With an error there is no part.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on get_executor() if it has none. It is called as if
    /// by `asio::post`, never from within this function (except that a coroutine that awaits the default token goes on
    /// if it need not wait).
    ///
    /// @par Per-operation cancellation
    /// `terminal`, `partial` and `total`, with equal effect: an operation that waits completes with
    /// `operation_aborted`. No part is lost, and the handler goes on. The signal must be emitted on the associated
    /// executor, after the operation has started. (`next() || timer` may lose a part all the same: if both complete at
    /// the same time, Asio's operator drops the result of the second.)
    ///
    /// @par Errors
    ///   - The handler's exception, or the error with which the pool has ended the job: errc::deadline_exceeded, or
    ///     errc::abandoned, also if the pool's execution context is gone.
    ///   - `std::system_error` with `operation_aborted`, if the operation was cancelled or the stream destroyed.
    ///   - `std::system_error` with `std::errc::operation_in_progress`, if another next() waits: await one at a time.
    ///   - `std::bad_alloc`, if there is no memory for an operation that has to wait. No part is lost.
    ///
    /// @param token A completion token. The default is for `co_await`.
    template <typename Token = net::use_awaitable_t<Executor>>
    auto next(Token&& token = {}) {
        using Signature = typename detail::StreamCore<T>::ReadSignature;
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits,
                      "dispatch: this completion token does not fit next(): a callback is called with "
                      "(std::exception_ptr, std::optional<T>): write [](std::exception_ptr error, std::optional<Part> "
                      "part) { ... }");
        if constexpr (detail::is_use_awaitable<std::decay_t<Token>>) {
            return await_next<typename detail::AwaitedBy<std::decay_t<Token>>::Executor>(core_);
        } else if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Next{core_}, token);
        }
    }

    /// Returns the next part if it is already there, and otherwise an empty optional: the handler has not written it
    /// yet, or the stream is at its end, which next() tells.
    std::optional<T> try_next() noexcept { return core_ != nullptr ? core_->try_read() : std::nullopt; }

  private:
    template <typename, typename, typename>
    friend class detail::StreamJob;
    using Core = detail::StreamCore<T>;

    /// Initiates next.
    struct Next {
        using executor_type = net::any_io_executor;
        Core* core;

        executor_type get_executor() const noexcept {
            return core != nullptr ? core->executor() : executor_type{net::system_executor{}};
        }

        template <typename Handler>
        void operator()(Handler&& handler) const {
            std::decay_t<Handler> owned{std::forward<Handler>(handler)};
            if (core != nullptr) {
                core->start_read(owned);
            } else {
                detail::post_completion(get_executor(), owned,
                                        [end = std::optional<T>{}](std::decay_t<Handler>&& completion) mutable {
                                            std::move(completion)(std::exception_ptr{}, std::move(end));
                                        });
            }
        }
    };

    explicit Stream(Core& core) noexcept : core_{&core} {}

    template <typename E>
    static net::awaitable<std::optional<T>, E> await_next(Core* core) {
        std::optional<T> part;
        if (core == nullptr || core->read_now(part)) {
            co_return part;
        }
        co_return co_await net::async_initiate<const net::use_awaitable_t<E>, typename Core::ReadSignature>(
            Next{core}, net::use_awaitable_t<E>{});
    }

    void close() noexcept {
        if (Core* const core = std::exchange(core_, nullptr)) {
            core->abandon();
            core->drop_owner();
        }
    }

    Core* core_ = nullptr;
};

/// What a handler writes the parts of its response to. See Stream.
///
/// @par Object lifetimes
/// The writer exists until the handler has ended.
///
/// @par Thread safety
/// All functions may be called concurrently from any thread, until the handler has ended. No other thread may use the
/// writer, nor cancel write(), while the pool's execution context is being destroyed.
///
/// @tparam T The type of parts.
/// @tparam Executor Which coroutines can await write() as it is: those that return `awaitable<..., Executor>`. Either
///     `any_io_executor`, or `WorkerExecutor<E>` for a handler that returns `awaitable<void, WorkerExecutor<E>>`.
template <typename T, typename Executor = net::any_io_executor>
class Writer {
  public:
    /// The type of parts.
    using value_type = T;

    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Adds part to the response. Completes at once, or as soon as fewer than PoolOptions::stream_buffer parts are
    /// unread. Of several operations that wait, the first in comes first.
    ///
    /// When it is awaited with the default token and there is room, the coroutine goes on at once, without being
    /// suspended. Otherwise it keeps its permit meanwhile.
    ///
    /// The operation starts when token starts it: when it is awaited with the default token, at once with a callback.
    ///
    /// With GCC 12, name a part that is an aggregate before it is written: that compiler destroys one that is built
    /// within a `co_await` expression twice (`co_await out.write(Part{1, "x"})`).
    ///
    /// @par Handler signature
    /// `void(error_code)`. `error_code` is the one of Asio's own operations: `std::error_code`, or
    /// `boost::system::error_code` with Boost.Asio.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on the pool's if it has none. It is called as if by
    /// `asio::post`, never from within this function (except that a coroutine that awaits the default token goes on if
    /// it need not wait).
    ///
    /// @par Per-operation cancellation
    /// `terminal`, `partial` and `total`, with equal effect: an operation that waits completes with
    /// `operation_aborted`, and its part is not written. A job's cancellation does this to the operation that its
    /// handler awaits.
    ///
    /// @par Errors
    ///   - `broken_pipe`: nobody will read the part, because the stream was destroyed, or has ended: at the job's
    ///     deadline, or, for an operation that the handler has not waited for, with the handler.
    ///   - `operation_aborted`: see above.
    ///   - `no_memory`, if there is none for an operation that has to wait: the part is not written.
    ///
    /// @param part The part.
    /// @param token A completion token. The default is for `co_await`.
    template <typename Token = net::use_awaitable_t<Executor>>
    auto write(T part, Token&& token = {}) {
        using Signature = typename Core::WriteSignature;
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits,
                      "dispatch: this completion token does not fit write(): a callback is called with (error_code): "
                      "write [](auto error) { ... }");
        if constexpr (detail::is_use_awaitable<std::decay_t<Token>>) {
            return await_write<typename detail::AwaitedBy<std::decay_t<Token>>::Executor>(*core_, std::move(part));
        } else if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Write{core_}, token, std::move(part));
        }
    }

    /// Adds part to the response if there is room for it and somebody to read it: then it is moved from. Otherwise
    /// returns false. For parts of which some may be left out, such as progress, and for handlers that are plain
    /// functions, which cannot wait.
    bool try_write(T& part) noexcept { return core_->write_now(part); }
    /// The same.
    bool try_write(T&& part) noexcept { return try_write(part); }

    /// Returns whether a part that is written now may still be read: the stream was not destroyed, and has not ended at
    /// the job's deadline.
    bool is_open() const noexcept { return core_->is_open(); }

  private:
    template <typename, typename, typename>
    friend struct detail::StreamRequest;
    using Core = detail::StreamCore<T>;

    /// Initiates write.
    struct Write {
        using executor_type = net::any_io_executor;
        Core* core;

        executor_type get_executor() const noexcept { return core->executor(); }

        template <typename Handler>
        void operator()(Handler&& handler, T&& part) const {
            std::decay_t<Handler> owned{std::forward<Handler>(handler)};
            core->start_write(owned, std::move(part));
        }
    };

    explicit Writer(Core& core) noexcept : core_{&core} {}

    template <typename E>
    static net::awaitable<void, E> await_write(Core& core, T part) {
        if (!core.write_now(part)) {
            co_await net::async_initiate<const net::use_awaitable_t<E>, typename Core::WriteSignature>(
                Write{&core}, net::use_awaitable_t<E>{}, std::move(part));
        }
    }

    Core* core_;
};

namespace detail {

/// A job whose response is a stream is run as one without a response, until its handler has ended.
template <typename R, typename T, typename StreamExecutor, typename Executor>
struct JobTraits<R, Stream<T, StreamExecutor>, Executor> {
    static_assert(std::is_convertible_v<Executor, net::any_io_executor>,
                  "dispatch: where the response type is a Stream, the workers' executor must be convertible to "
                  "any_io_executor");

    using Request = StreamRequest<R, T, Executor>;
    using Response = void;

    template <typename Handler>
    using AdaptedHandler = StreamHandler<R, T, Executor, Handler>;

    template <typename Handler>
    using Operation = StreamOperation<R, Stream<T, StreamExecutor>, Executor, Handler>;

    template <typename Handler, typename Native>
    using Refusal = HandlerOperation<detail::Operation<Reply<Stream<T, StreamExecutor>>, Native>, Handler, Native>;

    template <typename Handler>
    static Operation<Handler>* make(Handler& handler, const std::shared_ptr<PoolState<Executor>>& pool, R&& request,
                                    const SubmitOptions& options, JobContext::Clock::time_point now,
                                    bool has_patience) {
        return Operation<Handler>::make(handler, pool, std::move(request), options, now, has_patience);
    }
};

template <typename T>
inline constexpr bool is_writer = false;
template <typename T, typename Executor>
inline constexpr bool is_writer<Writer<T, Executor>> = true;

/// A handler that takes a writer has a stream for its response: also where it takes that in a way that it cannot be
/// called with, so that it is told of streams.
template <typename Returned, typename W, typename... Rest>
    requires is_writer<std::remove_cvref_t<W>>
struct ResponseOfSignature<Returned, W, Rest...> {
    using type = Stream<typename std::remove_cvref_t<W>::value_type>;
};
template <typename Returned, typename W, typename... Rest>
struct ResponseOfSignature<Returned, JobContext&, W, Rest...> : ResponseOfSignature<Returned, W, Rest...> {};

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_STREAM_HPP
