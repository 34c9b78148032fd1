// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_RECYCLER_HPP
#define DISPATCH_DETAIL_BASE_RECYCLER_HPP

#include <cstddef>
#include <cstdint>
#include <new>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Each thread's own stock of freed blocks, in size classes of one cache line. Asio recycles memory
/// the same way, but keeps two blocks a thread; with 64 requests in flight that is as good as none.
/// A block may be freed on another thread than the one that allocated it: it then joins that stock.
class Recycler {
  public:
    [[gnu::always_inline]] static inline void* allocate(std::size_t size) {
        const std::size_t index = class_of(size);
        if (index >= classes) {
            return ::operator new(size);
        }
        Stock& stock = stocks_[index];
        if (Block* block = stock.first; block != nullptr) {
            stock.first = block->next;
            ++stock.room;
            return block;
        }
        return ::operator new((index + 1) * granule);
    }

    [[gnu::always_inline]] static inline void deallocate(void* memory, std::size_t size) noexcept {
        const std::size_t index = class_of(size);
        if (index >= classes) {
            return ::operator delete(memory);
        }
        Stock& stock = stocks_[index];
        if (!has_room(stock)) {
            return ::operator delete(memory);
        }
        stock.first = ::new (memory) Block{stock.first};
        --stock.room;
    }

  private:
    struct Block {
        Block* next;
    };
    struct Stock {
        Block* first;
        /// For so many blocks more. (None before the stocks are opened, and after they are closed.)
        std::uint32_t room;
    };

    /// Gives the thread's stocks back when it ends. What is freed on the thread later, by other
    /// thread-local destructors, goes straight to the heap.
    struct Cleaner {
        ~Cleaner() {
            phase_ = Phase::ended;
            for (Stock& stock : stocks_) {
                stock.room = 0;
                while (Block* block = stock.first) {
                    stock.first = block->next;
                    ::operator delete(block);
                }
            }
        }
    };

    enum class Phase : std::uint8_t { fresh, used, ended };

    static constexpr std::size_t granule = cache_line;
    static constexpr std::size_t classes = 16;
    /// Bounds what a thread keeps to 64 KiB a class.
    static constexpr std::size_t bytes_per_class = std::size_t{1} << 16;

    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size - 1) / granule; }

    /// The first block that a thread keeps opens its stocks, and registers their end. False when they have
    /// been opened before.
    [[gnu::noinline]] static bool open_stocks() noexcept {
        if (phase_ != Phase::fresh) {
            return false;
        }
        phase_ = Phase::used;
        static thread_local Cleaner cleaner;
        static_cast<void>(cleaner);
        for (std::size_t index = 0; index != classes; ++index) {
            stocks_[index].room = static_cast<std::uint32_t>(bytes_per_class / ((index + 1) * granule));
        }
        return true;
    }

    [[gnu::always_inline]] static inline bool has_room(const Stock& stock) noexcept {
#if defined(DISPATCH_ADDRESS_SANITIZER)
        static_cast<void>(stock);
        return false;
#else
        return stock.room != 0 || open_stocks();
#endif
    }

    static inline constinit thread_local Stock stocks_[classes] = {};
    static inline constinit thread_local Phase phase_ = Phase::fresh;
};

/// The recycler as an allocator.
template <typename T = void>
class RecyclingAllocator {
  public:
    using value_type = T;

    RecyclingAllocator() = default;
    template <typename U>
    RecyclingAllocator(const RecyclingAllocator<U>& /*other*/) noexcept {}

    T* allocate(std::size_t count) const {
        static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        return static_cast<T*>(Recycler::allocate(count * sizeof(T)));
    }
    void deallocate(T* memory, std::size_t count) const noexcept { Recycler::deallocate(memory, count * sizeof(T)); }

    friend bool operator==(const RecyclingAllocator&, const RecyclingAllocator&) noexcept { return true; }
};

/// Recycled memory for a Node with so many bytes of room behind it.
template <typename Node>
struct NodeMemory {
    static void* allocate(std::size_t tail_size) {
        if constexpr (alignof(Node) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
            return ::operator new(sizeof(Node) + tail_size, std::align_val_t{alignof(Node)});
        } else {
            return Recycler::allocate(sizeof(Node) + tail_size);
        }
    }

    static void deallocate(void* place, std::size_t tail_size) noexcept {
        if constexpr (alignof(Node) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
            ::operator delete(place, std::align_val_t{alignof(Node)});
        } else {
            Recycler::deallocate(place, sizeof(Node) + tail_size);
        }
    }
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_RECYCLER_HPP
