// expect: dispatch: the handler cannot be called with a request.
// SPDX-License-Identifier: Apache-2.0
//
// The handler's second parameter is not JobContext&.
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, [](int, const char*) -> net::awaitable<int> { co_return 0; });
}
