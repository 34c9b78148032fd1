// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_CHECKER_HPP
#define DISPATCH_TESTS_MODELS_CHECKER_HPP

// Relacy, and before it all standard headers that the headers under test include: after it, they would
// meet its macros.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

// clang-format off: it would sort this in above
#include <relacy/relacy.hpp>
// clang-format on

// Code that is written for Relacy needs these macros; ours is not.
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef $

namespace model {

/// Where in the code under test something happens, for the history of an execution that fails.
inline rl::debug_info at(const std::source_location& where) {
    return {where.function_name(), where.file_name(), where.line()};
}

/// The property under test. Relacy's macro of this name takes the place from the preprocessor.
inline void check(bool holds, const char* what, std::source_location where = std::source_location::current()) {
    if (!holds) {
        rl::ctx().fail_test(what, rl::test_result_user_assert_failed, at(where));
    }
}

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_CHECKER_HPP
