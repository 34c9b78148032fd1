// SPDX-License-Identifier: Apache-2.0
//
// For programs that define DISPATCH_SEPARATE_COMPILATION: one of their source files includes this header, before all
// others of the library and best alone. It is then the only one in which is compiled what does not depend on the types
// of requests, responses and handlers, for workers on any_io_executor. The CMake target dispatch::compiled is such a
// file.
#ifndef DISPATCH_SRC_HPP
#define DISPATCH_SRC_HPP

#if defined(DISPATCH_DETAIL_BASE_CONFIG_HPP)
#error "dispatch: include <dispatch/src.hpp> before all other headers of dispatch, best in a source file of its own."
#endif
#if !defined(DISPATCH_SEPARATE_COMPILATION)
#define DISPATCH_SEPARATE_COMPILATION
#endif
#define DISPATCH_SOURCE

#include <memory>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/pool.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

// What the extern templates at the ends of these headers promise.
/// @cond

// detail/reply/operation.hpp
template void HandOver<net::any_io_executor, net::any_io_executor>::dispatch(AnyOperation<net::any_io_executor>&,
                                                                             const net::any_io_executor&,
                                                                             const std::allocator<void>&);
template void HandOver<net::any_io_executor, net::any_io_executor>::post(AnyOperation<net::any_io_executor>&,
                                                                         const net::any_io_executor&,
                                                                         const std::allocator<void>&);

// detail/run/worker_functions.hpp
template struct WorkerFunctions<net::any_io_executor>;
template void WorkerFunctions<net::any_io_executor>::start_lane(Worker&, Lane&, net::awaitable<void>);
template net::awaitable<void> WorkerFunctions<net::any_io_executor>::return_to_strand(Worker&);

// detail/pool/pool_core.hpp
template class PoolCore<LeastLoaded, net::any_io_executor>;
template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const SubmitOptions&,
                                                                 const std::optional<SessionKey>&, Overflow,
                                                                 CancelJob*);
template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const SessionOnly&,
                                                                 const std::optional<SessionKey>&, Overflow,
                                                                 CancelJob*);
template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const NoSession&,
                                                                 const std::optional<SessionKey>&, Overflow,
                                                                 CancelJob*);

/// @endcond
}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_SRC_HPP
