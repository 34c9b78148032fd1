// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_HEAP_HPP
#define DISPATCH_TESTS_SIMULATION_HEAP_HPP

#include <cstddef>
#include <cstdlib>
#include <new>

#include "../support/operator_new.hpp"

namespace sim {

/// Blocks of the heap that have not been given back. Always 0 where a sanitizer looks after them.
inline long blocks_out = 0;

// NOLINTNEXTLINE(cppcoreguidelines-no-malloc)
inline void give_back(void* memory) noexcept {
    blocks_out -= memory != nullptr ? 1 : 0;
    std::free(memory);
}

}  // namespace sim

// Included once in a program.
#if !defined(SANITIZER_OWNS_OPERATOR_NEW) && !defined(__SANITIZE_ADDRESS__)

// NOLINTBEGIN(cppcoreguidelines-no-malloc)
void* operator new(std::size_t size) {
    void* const memory = std::malloc(size != 0 ? size : 1);
    if (memory == nullptr) {
        throw std::bad_alloc{};
    }
    ++sim::blocks_out;
    return memory;
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align);
    if (memory == nullptr) {
        throw std::bad_alloc{};
    }
    ++sim::blocks_out;
    return memory;
}

void operator delete(void* memory) noexcept { sim::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { sim::give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { sim::give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { sim::give_back(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

#endif

#endif  // DISPATCH_TESTS_SIMULATION_HEAP_HPP
