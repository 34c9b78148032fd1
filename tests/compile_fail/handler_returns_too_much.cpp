// expect: dispatch: the handler does not return the pool's response type.
// SPDX-License-Identifier: Apache-2.0
//
// A response, for a pool that has none.
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, void>(executor, 1, [](int) -> net::awaitable<int> { co_return 0; });
}
