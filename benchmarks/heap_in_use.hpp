// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of the heap a program has asked for and not yet given back, to the byte. For one source
// file of a program: it replaces the C library's functions, which that provides for. (operator new comes
// down to malloc, and Asio calls aligned_alloc.) The allocator's own overhead is not in it.
#ifndef DISPATCH_BENCHMARKS_HEAP_IN_USE_HPP
#define DISPATCH_BENCHMARKS_HEAP_IN_USE_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t size);
void __libc_free(void* memory);
}

namespace bench {

inline std::atomic<std::int64_t> heap_in_use{0};

/// In front of each block.
struct alignas(16) HeapBlock {
    void* start;
    std::size_t size;
};

[[gnu::noinline]] inline void* take_from_heap(std::size_t alignment, std::size_t size) noexcept {
    alignment = std::max(alignment, alignof(HeapBlock));
    void* const start = __libc_malloc(size + alignment + sizeof(HeapBlock));
    if (start == nullptr) {
        errno = ENOMEM;
        return nullptr;
    }
    const auto first = reinterpret_cast<std::uintptr_t>(start) + sizeof(HeapBlock);
    auto* const block = reinterpret_cast<HeapBlock*>((first + alignment - 1) / alignment * alignment) - 1;
    *block = {start, size};
    heap_in_use.fetch_add(static_cast<std::int64_t>(size), std::memory_order_relaxed);
    return block + 1;
}

[[gnu::noinline]] inline void give_to_heap(void* memory) noexcept {
    if (memory != nullptr) {
        const HeapBlock* const block = static_cast<HeapBlock*>(memory) - 1;
        heap_in_use.fetch_sub(static_cast<std::int64_t>(block->size), std::memory_order_relaxed);
        __libc_free(block->start);
    }
}

}  // namespace bench

extern "C" {

void* malloc(std::size_t size) { return bench::take_from_heap(1, size); }

void free(void* memory) { bench::give_to_heap(memory); }

void* calloc(std::size_t count, std::size_t size) {
    std::size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    void* const memory = bench::take_from_heap(1, total);
    if (memory != nullptr) {
        std::memset(memory, 0, total);
    }
    return memory;
}

void* realloc(void* memory, std::size_t size) {
    void* const moved = bench::take_from_heap(1, size);
    if (moved != nullptr && memory != nullptr) {
        std::memcpy(moved, memory, std::min(size, (static_cast<bench::HeapBlock*>(memory) - 1)->size));
        bench::give_to_heap(memory);
    }
    return moved;
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return bench::take_from_heap(alignment, size); }

void* memalign(std::size_t alignment, std::size_t size) { return bench::take_from_heap(alignment, size); }

int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
    void* const memory = bench::take_from_heap(alignment, size);
    if (memory == nullptr) {
        return ENOMEM;
    }
    *result = memory;
    return 0;
}
}

#endif  // DISPATCH_BENCHMARKS_HEAP_IN_USE_HPP
