// expect: dispatch: this completion token does not fit async_acquire()
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/semaphore.hpp>

namespace net = dispatch::net;

void acquire(dispatch::Semaphore& semaphore) {
    semaphore.async_acquire([](dispatch::Permit) {});
}
