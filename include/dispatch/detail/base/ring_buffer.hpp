// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_RING_BUFFER_HPP
#define DISPATCH_DETAIL_BASE_RING_BUFFER_HPP

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/recycler.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A queue with room for so many values, first in, first out. Only the constructor allocates, and throws.
template <typename T>
class RingBuffer {
    static_assert(std::is_nothrow_move_constructible_v<T>);

  public:
    /// At least 1.
    explicit RingBuffer(std::size_t capacity) : capacity_{capacity}, values_{Allocator{}.allocate(capacity)} {}
    RingBuffer(const RingBuffer&) = delete;
    RingBuffer& operator=(const RingBuffer&) = delete;
    ~RingBuffer() {
        clear();
        Allocator{}.deallocate(values_, capacity_);
    }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    bool full() const noexcept { return size_ == capacity_; }

    /// There is room.
    void push_back(T&& value) noexcept {
        const std::size_t room = capacity_ - first_;
        ::new (static_cast<void*>(values_ + (size_ < room ? first_ + size_ : size_ - room))) T(std::move(value));
        ++size_;
    }

    /// There is one.
    T pop_front() noexcept {
        T& front = values_[first_];
        T value{std::move(front)};
        front.~T();
        first_ = first_ + 1 != capacity_ ? first_ + 1 : 0;
        --size_;
        return value;
    }

    void clear() noexcept {
        while (!empty()) {
            static_cast<void>(pop_front());
        }
    }

  private:
    using Allocator =
        std::conditional_t<alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, RecyclingAllocator<T>, std::allocator<T>>;

    const std::size_t capacity_;
    T* const values_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_RING_BUFFER_HPP
