// expect: dispatch: this completion token does not fit next(): a callback is called with (std::exception_ptr
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

namespace net = dispatch::net;

void read(dispatch::Stream<int>& stream) {
    stream.next([](std::optional<int>) {});
}
