// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_BENCHMARKS_PROCESSORS_HPP
#define DISPATCH_BENCHMARKS_PROCESSORS_HPP

#include <cstddef>

#if defined(__linux__)
#include <sched.h>
#endif

namespace bench {

/// Keeps the calling thread on one of the processors that its program may use: on the number-th, counted round. Linux
/// may leave two new threads on one processor for a tenth of a second. Elsewhere it does nothing.
inline void stay_on_processor([[maybe_unused]] std::size_t number) {
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return;
    }
    const auto count = static_cast<std::size_t>(CPU_COUNT(&allowed));
    std::size_t before = number % count;
    for (std::size_t processor = 0; processor != CPU_SETSIZE; ++processor) {
        if (CPU_ISSET(processor, &allowed) && before-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            sched_setaffinity(0, sizeof(one), &one);
            return;
        }
    }
#endif
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_PROCESSORS_HPP
