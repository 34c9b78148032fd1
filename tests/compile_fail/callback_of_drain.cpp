// expect: dispatch: this completion token does not fit drain()
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

void drain(dispatch::WorkerPool<int, int>& pool) {
    pool.drain([](std::exception_ptr) {});
}
