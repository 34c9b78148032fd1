// expect: dispatch: the response type is a Stream<T>, and the handler cannot be called with a request and a writer
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

auto spawn(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, dispatch::Stream<int>>(executor, 1,
                                                               [](int) -> net::awaitable<void> { co_return; });
}
