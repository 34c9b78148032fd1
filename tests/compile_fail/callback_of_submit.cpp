// expect: dispatch: this completion token does not fit submit(): a callback is called with (std::exception_ptr, S)
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

void submit(dispatch::WorkerPool<int, int>& pool) {
    pool.submit(std::nullopt, 1, [](int) {});
}
