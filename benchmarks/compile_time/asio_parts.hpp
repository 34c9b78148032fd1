// SPDX-License-Identifier: Apache-2.0
//
// What all programs here include: the parts of Asio that the library includes, by the one header that
// does so, and a context for their coroutines.
#ifndef DISPATCH_BENCHMARKS_COMPILE_TIME_ASIO_PARTS_HPP
#define DISPATCH_BENCHMARKS_COMPILE_TIME_ASIO_PARTS_HPP

#include <dispatch/detail/asio/asio.hpp>

#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
#else
#include <asio/thread_pool.hpp>
#endif

namespace net = dispatch::net;

#endif  // DISPATCH_BENCHMARKS_COMPILE_TIME_ASIO_PARTS_HPP
