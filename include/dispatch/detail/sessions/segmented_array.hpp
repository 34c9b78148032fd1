// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SEGMENTED_ARRAY_HPP
#define DISPATCH_DETAIL_SESSIONS_SEGMENTED_ARRAY_HPP

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// An array that grows, and whose elements never move: a 16th of its size at a time, so that it has few segments, most
/// of it in large ones, and little that is not used. One thread at a time may grow it; elements that are there may be
/// looked up meanwhile.
///
/// @tparam least How many elements a segment has at least: a power of two.
template <typename T, std::uint32_t least>
class SegmentedArray {
    static_assert(std::has_single_bit(least) && std::is_trivially_destructible_v<T>);

  public:
    SegmentedArray() = default;
    SegmentedArray(const SegmentedArray&) = delete;
    SegmentedArray& operator=(const SegmentedArray&) = delete;
    ~SegmentedArray() {
        for (std::uint32_t segment = 0; segment != segments_.size(); ++segment) {
            if (T* const elements = segments_[segment].load(std::memory_order_relaxed); elements != nullptr) {
                ::operator delete(elements, bytes(segment), alignment(segment));
            }
        }
    }

    /// How many elements there are.
    std::uint32_t size() const noexcept { return size_.load(std::memory_order_acquire); }

    /// Adds a segment. Its elements are raw memory until the caller constructs them, at
    /// `std::addressof((*this)[number])`. May throw std::bad_alloc, without effect.
    void grow() {
        const std::uint32_t segment = segment_of(size() + first);
        if (segment == segments_.size()) {
            throw std::bad_alloc{};
        }
        void* const memory = ::operator new(bytes(segment), alignment(segment));
        segments_[segment].store(static_cast<T*>(memory), std::memory_order_release);
        size_.store(size() + elements_in(segment), std::memory_order_release);
    }

    /// The element with that number, which is below size().
    T& operator[](std::uint32_t number) const noexcept {
        const std::uint32_t position = number + first;
        return segments_[segment_of(position)].load(std::memory_order_acquire)[position & (length_of(position) - 1)];
    }

  private:
    /// What one doubling of the array consists of.
    static constexpr std::uint32_t per_doubling = 16;
    /// The position of the first element, so that the segments before it are left out.
    static constexpr std::uint32_t first = per_doubling * least;
    static constexpr auto least_shift = static_cast<std::uint32_t>(std::countr_zero(least));
    static constexpr std::uint32_t doublings = 28 - least_shift;
    static constexpr std::size_t huge_page = std::size_t{1} << 21;

    static constexpr std::uint32_t shift_of(std::uint32_t position) noexcept {
        return static_cast<std::uint32_t>(std::bit_width(position)) - std::bit_width(per_doubling);
    }
    static constexpr std::uint32_t length_of(std::uint32_t position) noexcept {
        return std::uint32_t{1} << shift_of(position);
    }
    static constexpr std::uint32_t segment_of(std::uint32_t position) noexcept {
        const std::uint32_t shift = shift_of(position);
        return (shift * per_doubling + (position >> shift)) - (least_shift * per_doubling + per_doubling);
    }
    static constexpr std::uint32_t elements_in(std::uint32_t segment) noexcept {
        return least << (segment / per_doubling);
    }
    static constexpr std::size_t bytes(std::uint32_t segment) noexcept {
        return std::size_t{elements_in(segment)} * sizeof(T);
    }
    /// Where the system has huge pages, they fit into segments that are large enough.
    static constexpr std::align_val_t alignment(std::uint32_t segment) noexcept {
        return std::align_val_t{bytes(segment) < huge_page ? cache_line : huge_page};
    }

    std::array<std::atomic<T*>, std::size_t{doublings} * per_doubling> segments_{};
    std::atomic<std::uint32_t> size_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SEGMENTED_ARRAY_HPP
