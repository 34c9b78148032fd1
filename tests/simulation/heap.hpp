// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_HEAP_HPP
#define DISPATCH_TESTS_SIMULATION_HEAP_HPP

namespace sim {

/// Blocks of the heap that have not been given back. Always 0 where a sanitizer looks after them.
long blocks_out() noexcept;

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_HEAP_HPP
