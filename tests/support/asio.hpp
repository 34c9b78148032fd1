// SPDX-License-Identifier: Apache-2.0
//
// The parts of Asio that tests need, whichever flavour and version is underneath.
#ifndef DISPATCH_TESTS_SUPPORT_ASIO_HPP
#define DISPATCH_TESTS_SUPPORT_ASIO_HPP

#include <dispatch/detail/asio/asio.hpp>

#if defined(DISPATCH_USE_BOOST_ASIO)

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#if DISPATCH_ASIO_VERSION >= 103000
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#else
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/deferred.hpp>
#endif
#if DISPATCH_ASIO_VERSION >= 102800
#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#endif
#if DISPATCH_ASIO_VERSION >= 103400
#include <boost/asio/cancel_after.hpp>
#endif

#else

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#if DISPATCH_ASIO_VERSION >= 103000
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif
#if DISPATCH_ASIO_VERSION >= 102800
#include <asio/any_completion_executor.hpp>
#include <asio/any_completion_handler.hpp>
#endif
#if DISPATCH_ASIO_VERSION >= 103400
#include <asio/cancel_after.hpp>
#endif

#endif

namespace test {

namespace net = dispatch::net;

#if DISPATCH_ASIO_VERSION >= 103000
using net::as_tuple;
using net::deferred;
#else
using net::experimental::as_tuple;
using net::experimental::deferred;
#endif

}  // namespace test

#endif  // DISPATCH_TESTS_SUPPORT_ASIO_HPP
