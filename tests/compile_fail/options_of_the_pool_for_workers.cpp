// expect: dispatch: spawn_workers takes WorkerOptions
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, [](int value) { return value; }, dispatch::PoolOptions{});
}
