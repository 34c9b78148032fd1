// expect: dispatch: nullptr is not a session: write std::nullopt
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

void submit(dispatch::WorkerPool<int, int>& pool) { pool.submit(nullptr, 1, net::detached); }
