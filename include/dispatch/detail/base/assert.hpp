// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_ASSERT_HPP
#define DISPATCH_DETAIL_BASE_ASSERT_HPP

#include <cstdio>
#include <cstdlib>

#include <dispatch/detail/base/config.hpp>

/// For what no caller may do, and what this library cannot answer with an error: where condition does not hold,
/// message is printed, and the program is aborted. As with assert, a build with NDEBUG checks nothing. Define it before
/// the first header of this library is included to have such mistakes reported in another way.
#if !defined(DISPATCH_ASSERT)
#if defined(NDEBUG)
#define DISPATCH_ASSERT(condition, message) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define DISPATCH_ASSERT(condition, message) \
    ((condition) ? static_cast<void>(0) : ::dispatch::detail::report_misuse(message, __FILE__, __LINE__))
#endif
#endif

namespace dispatch::inline DISPATCH_ABI::detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void report_misuse(const char* message, const char* file,
                                                                 int line) noexcept {
    std::fprintf(stderr, "dispatch: misuse: %s (noticed at %s:%d; a debugger shows who called)\n", message, file, line);
    std::abort();
}

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_ASSERT_HPP
