// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_THREAD_SHARD_HPP
#define DISPATCH_DETAIL_THREAD_SHARD_HPP

// Found before the library's own header: Relacy's threads share thread_local variables. Two shards, so that
// threads meet in one and miss each other in two, and close() does not go through sixteen.

#include <cstddef>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

inline constexpr std::size_t shards = 2;

class ThreadShard {
  public:
    static std::size_t index() noexcept { return rl::thread_index() % shards; }
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_THREAD_SHARD_HPP
