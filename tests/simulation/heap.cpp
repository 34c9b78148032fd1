// SPDX-License-Identifier: Apache-2.0
#include "heap.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#include "../support/operator_new.hpp"

namespace {

long blocks = 0;

}  // namespace

long sim::blocks_out() noexcept { return blocks; }

#if !defined(SANITIZER_OWNS_OPERATOR_NEW) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void* counted(void* memory) {
    if (memory == nullptr) {
        throw std::bad_alloc{};
    }
    ++blocks;
    return memory;
}

void give_back(void* memory) noexcept {
    blocks -= memory != nullptr ? 1 : 0;
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size != 0 ? size : 1)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    return counted(std::aligned_alloc(align, (size + align - 1) / align * align));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

#endif
