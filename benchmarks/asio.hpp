// SPDX-License-Identifier: Apache-2.0
//
// The parts of Asio that benchmarks need, whichever flavour is underneath.
#ifndef DISPATCH_BENCHMARKS_ASIO_HPP
#define DISPATCH_BENCHMARKS_ASIO_HPP

#include <dispatch/detail/asio/asio.hpp>

#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#else
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#endif

namespace bench {

namespace net = dispatch::net;

/// What the coroutines of a benchmark run on: a thread_pool, with its type or without.
using TypedExecutor = net::thread_pool::executor_type;
using AnyExecutor = net::any_io_executor;

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_ASIO_HPP
