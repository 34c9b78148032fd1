// expect: dispatch: this completion token does not fit submit(): where S is void
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

void submit(dispatch::WorkerPool<int, void>& pool) {
    pool.submit(std::nullopt, 1, [](std::exception_ptr, int) {});
}
