// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_STREAM_REQUEST_HPP
#define DISPATCH_DETAIL_STREAM_STREAM_REQUEST_HPP

#include <chrono>
#include <optional>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/worker_executor.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/run/observation.hpp>
#include <dispatch/detail/stream/stream_core.hpp>

namespace dispatch::inline DISPATCH_ABI {

template <typename T, typename Executor>
class Writer;

namespace detail {

/// The request of a job whose response is a stream, as its worker sees it: with what the handler writes to, for
/// handlers whose coroutines run on any executor, and for those on the worker's own.
template <typename R, typename T, typename Executor>
struct StreamRequest {
    R request;
    StreamCore<T>* core;
    Writer<T, net::any_io_executor> writer;
    Writer<T, WorkerExecutor<Executor>> typed_writer;

    StreamRequest(R&& wanted, StreamCore<T>& of)
        : request{std::move(wanted)}, core{&of}, writer{of}, typed_writer{of} {}
    StreamRequest(StreamRequest&& other) : StreamRequest{std::move(other.request), *other.core} {}

    WaitingRoom& waiting_room() const noexcept { return *core; }
};

template <typename R, typename T, typename Executor>
inline constexpr bool has_waiting_room<StreamRequest<R, T, Executor>> = true;

template <typename R, typename T, typename Executor>
struct FirstPart<StreamRequest<R, T, Executor>> {
    static auto time(const StreamRequest<R, T, Executor>& request) noexcept { return request.core->first_part_at(); }
};

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_DETAIL_STREAM_STREAM_REQUEST_HPP
