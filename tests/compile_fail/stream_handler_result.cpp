// expect: dispatch: a handler that writes a stream returns nothing besides
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

net::awaitable<int> handle(int request, dispatch::Writer<int>& out);

auto spawn(const net::any_io_executor& executor) { return dispatch::spawn_workers(executor, 1, handle); }
