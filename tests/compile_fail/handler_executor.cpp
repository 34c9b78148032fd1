// expect: dispatch: the handler's awaitable has an executor type that the worker's executor does not convert
// SPDX-License-Identifier: Apache-2.0
//
// A lane can only await coroutines that run on its worker's executor.
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(
        executor, 1, [](int value) -> net::awaitable<int, net::system_executor> { co_return value; });
}
