// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_SHARDED_PTR_HPP
#define DISPATCH_DETAIL_BASE_SHARDED_PTR_HPP

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/thread_shard.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Counts references that many threads take and drop all the time, and one, the owner's, that stays: each
/// thread counts in a shard of its own, where nobody looks for zero. When the owner goes it adds the
/// shards up, and closes them: from then on all count in one place, and the last one finds zero. (The
/// idea of Linux's percpu_ref.) Thread-safe, close() once.
class ShardedCount {
  public:
    void add() noexcept {
        if (closed(shard().fetch_add(1, std::memory_order_relaxed))) [[unlikely]] {
            total_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    /// True for the last reference.
    bool drop() noexcept {
        return closed(shard().fetch_sub(1, std::memory_order_release)) &&
               total_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

    /// The same for the owner's.
    bool close() noexcept {
        // A reference is dropped on another thread than it was taken: a shard may well be negative.
        std::int64_t counted = 0;
        for (Shard& shard : shards_) {
            counted += shard.count.exchange(closed_from, std::memory_order_acquire);
        }
        return total_.fetch_add(counted - owner, std::memory_order_acq_rel) == owner - counted;
    }

  private:
    struct alignas(cache_line) Shard {
        std::atomic<std::int64_t> count{0};
    };

    /// A closed shard's count is near this one: those who come too late still move it.
    static constexpr std::int64_t closed_from = std::numeric_limits<std::int64_t>::min() / 2;
    static bool closed(std::int64_t count) noexcept { return count < closed_from / 2; }

    /// What the owner's reference counts for: more than all others can take away before they are added.
    static constexpr std::int64_t owner = std::numeric_limits<std::int64_t>::max() / 2;

    std::atomic<std::int64_t>& shard() noexcept { return shards_[ThreadShard::index()].count; }

    std::array<Shard, shards> shards_;
    std::atomic<std::int64_t> total_{owner};
};

template <typename T>
struct ShardedCounted {
    template <typename... Args>
    explicit ShardedCounted(Args&&... args) : value(std::forward<Args>(args)...) {}

    T value;
    ShardedCount count;
};

/// Shares an object with its ShardedOwner, like a std::shared_ptr. Not empty, unless moved from.
template <typename T>
class ShardedRef {
  public:
    explicit ShardedRef(ShardedCounted<T>& counted) noexcept : counted_{&counted} { counted.count.add(); }
    ShardedRef(const ShardedRef& other) noexcept : counted_{other.counted_} {
        if (counted_ != nullptr) {
            counted_->count.add();
        }
    }
    ShardedRef(ShardedRef&& other) noexcept : counted_{std::exchange(other.counted_, nullptr)} {}
    ShardedRef& operator=(ShardedRef other) noexcept {
        std::swap(counted_, other.counted_);
        return *this;
    }
    [[gnu::always_inline]] inline ~ShardedRef() {
        if (counted_ != nullptr && counted_->count.drop()) {
            delete counted_;
        }
    }

    T& operator*() const noexcept { return counted_->value; }
    T* operator->() const noexcept { return &counted_->value; }

  private:
    ShardedCounted<T>* counted_;
};

/// Makes an object and shares it with those who get a reference from it.
template <typename T>
class ShardedOwner {
  public:
    template <typename... Args>
    explicit ShardedOwner(std::in_place_t /*in_place*/, Args&&... args)
        : counted_{new ShardedCounted<T>(std::forward<Args>(args)...)} {}
    ShardedOwner(ShardedOwner&&) noexcept = default;
    ShardedOwner& operator=(ShardedOwner&&) noexcept = default;
    ~ShardedOwner() = default;

    explicit operator bool() const noexcept { return counted_ != nullptr; }
    T& operator*() const noexcept { return counted_->value; }
    T* operator->() const noexcept { return &counted_->value; }

    ShardedRef<T> share() const noexcept { return ShardedRef<T>{*counted_}; }

  private:
    struct Close {
        void operator()(ShardedCounted<T>* counted) const noexcept {
            if (counted->count.close()) {
                delete counted;
            }
        }
    };

    std::unique_ptr<ShardedCounted<T>, Close> counted_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_SHARDED_PTR_HPP
