// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_THREAD_SHARD_HPP
#define DISPATCH_DETAIL_BASE_THREAD_SHARD_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Into so many parts is divided what all threads write, so that they do not take its cache line from one
/// another.
inline constexpr std::size_t shards = 16;

/// The part that this thread uses. Threads get them in turn; past so many, two share one.
class ThreadShard {
  public:
    static std::size_t index() noexcept {
        if (index_ == none) [[unlikely]] {
            index_ = static_cast<std::uint8_t>(next_.fetch_add(1, std::memory_order_relaxed) % shards);
        }
        return index_;
    }

  private:
    static constexpr std::uint8_t none = shards;

    static inline std::atomic<unsigned> next_{0};
    static inline constinit thread_local std::uint8_t index_ = none;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_THREAD_SHARD_HPP
