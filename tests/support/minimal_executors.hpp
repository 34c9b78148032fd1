// SPDX-License-Identifier: Apache-2.0
//
// Executors of a user's own that can do what an executor must, and nothing more: they have execute(), and can be
// compared.
#ifndef DISPATCH_TESTS_SUPPORT_MINIMAL_EXECUTORS_HPP
#define DISPATCH_TESTS_SUPPORT_MINIMAL_EXECUTORS_HPP

#include <utility>

#include "asio.hpp"

namespace test {

/// Runs what it is given at once. Counts it.
class InlineExecutor {
  public:
    explicit InlineExecutor(int& runs) noexcept : runs_{&runs} {}

    template <typename Function>
    void execute(Function&& function) const {
        ++*runs_;
        std::forward<Function>(function)();
    }

    friend bool operator==(const InlineExecutor& a, const InlineExecutor& b) noexcept { return a.runs_ == b.runs_; }
    friend bool operator!=(const InlineExecutor& a, const InlineExecutor& b) noexcept { return !(a == b); }

  private:
    int* runs_;
};

/// Leaves it to an io_context, and cannot be asked to keep that busy.
class MinimalExecutor {
  public:
    explicit MinimalExecutor(net::io_context& context) noexcept : context_{&context} {}

    template <typename Function>
    void execute(Function&& function) const {
        net::post(*context_, std::forward<Function>(function));
    }

    friend bool operator==(const MinimalExecutor& a, const MinimalExecutor& b) noexcept {
        return a.context_ == b.context_;
    }
    friend bool operator!=(const MinimalExecutor& a, const MinimalExecutor& b) noexcept { return !(a == b); }

  private:
    net::io_context* context_;
};

}  // namespace test

#endif  // DISPATCH_TESTS_SUPPORT_MINIMAL_EXECUTORS_HPP
