// expect: dispatch: spawn_workers takes an executor, and this is an execution context: write context.get_executor()
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

class Context : public net::execution_context {};

auto workers(Context& context) {
    return dispatch::spawn_workers<int, int>(context, 1, [](int value) { return value; });
}
