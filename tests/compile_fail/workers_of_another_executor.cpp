// expect: dispatch: the workers' executor type is not the pool's
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto pool(const net::any_io_executor& executor) {
    using Executor = net::system_executor;
    return dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor>{
        dispatch::spawn_workers(executor, 1, [](int value) { return value; })};
}
