// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_REPLY_WAITER_LIST_HPP
#define DISPATCH_DETAIL_REPLY_WAITER_LIST_HPP

#include <tuple>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/reply/operation.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// An operation that waits in line, and completes with Args.
template <typename Executor, typename... Args>
struct Waiter : Operation<Completion<Args...>, Executor> {
    using Operation<Completion<Args...>, Executor>::Operation;

    /// Sets what the handler is called with.
    void set_result(Args... args) { this->result.emplace(std::tuple<Args...>{std::move(args)...}); }

  private:
    template <typename>
    friend class WaiterList;

    bool listed_ = false;
};

/// Operations that wait in line: first come, first served. Whoever takes a waiter out of the line ends it: a waiter
/// that is being granted what it waits for, and one that is being cancelled, is found by one of the two only. Guarded
/// by its owner's lock.
template <typename W>
class WaiterList {
  public:
    void push_back(W& waiter) noexcept {
        waiter.listed_ = true;
        waiters_.push_back(waiter);
    }

    /// The first in line, which is no longer in it; or null.
    W* pop_front() noexcept {
        W* const waiter = waiters_.pop_front();
        if (waiter != nullptr) {
            waiter->listed_ = false;
        }
        return waiter;
    }

    /// Takes waiter out. False when it is not in the line (any more).
    bool remove(W& waiter) noexcept {
        if (!waiter.listed_) {
            return false;
        }
        waiter.listed_ = false;
        waiters_.remove(waiter);
        return true;
    }

    /// Takes all of them out, in order.
    IntrusiveList<W> take_all() noexcept {
        IntrusiveList<W> taken;
        while (W* const waiter = pop_front()) {
            taken.push_back(*waiter);
        }
        return taken;
    }

  private:
    IntrusiveList<W> waiters_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_REPLY_WAITER_LIST_HPP
