// expect: dispatch: this completion token does not fit write(): a callback is called with (error_code)
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

void write(dispatch::Writer<int>& out) {
    out.write(1, [] {});
}
