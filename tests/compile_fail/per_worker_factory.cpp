// expect: dispatch: per_worker takes a function from a worker's number to its handler
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1,
                                             dispatch::per_worker([] { return [](int value) { return value; }; }));
}
