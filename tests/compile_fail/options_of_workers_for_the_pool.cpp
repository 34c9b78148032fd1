// expect: dispatch: a WorkerPool takes PoolOptions
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto pool(const net::any_io_executor& executor) {
    const dispatch::WorkerOptions options{.max_concurrency = 1};
    return dispatch::WorkerPool<int, int>{dispatch::spawn_workers(executor, 1, [](int value) { return value; }),
                                          options};
}
