// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_RETRY_ON_BAD_ALLOC_HPP
#define DISPATCH_DETAIL_BASE_RETRY_ON_BAD_ALLOC_HPP

#include <new>
#include <thread>
#include <utility>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Calls function until it no longer fails for want of memory: for what somebody waits for, and nobody
/// can be told that it failed. Any other exception ends the program.
template <typename Function>
decltype(auto) retry_on_bad_alloc(Function&& function) noexcept {
    for (;;) {
        try {
            return function();
        } catch (const std::bad_alloc&) {
            std::this_thread::yield();
        }
    }
}

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_RETRY_ON_BAD_ALLOC_HPP
