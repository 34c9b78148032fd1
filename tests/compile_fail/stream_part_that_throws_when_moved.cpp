// expect: dispatch: the parts of a Stream must be movable without exceptions
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

struct Part {
    Part(Part&&) {}
};

net::awaitable<void> handle(int request, dispatch::Writer<Part>& out);

auto spawn(const net::any_io_executor& executor) { return dispatch::spawn_workers(executor, 1, handle); }
