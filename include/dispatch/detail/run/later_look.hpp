// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LATER_LOOK_HPP
#define DISPATCH_DETAIL_RUN_LATER_LOOK_HPP

#include <memory>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/task_queue.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Has Owner::look() called a moment later, behind what is queued on the workers' threads. Part of the owner, which it
/// keeps alive meanwhile. Nothing fails.
template <typename Owner>
class LaterLook final : public Task {
  public:
    /// Only while it is not posted: until the function look() is called.
    template <typename Batcher>
    void post(std::shared_ptr<Owner> owner, Batcher& batcher) noexcept {
        owner_ = std::move(owner);
        batcher.post(*this);
    }

    void run() override {
        // It may be posted again from here on.
        const std::shared_ptr<Owner> owner = std::move(owner_);
        owner->look();
    }

    void destroy() noexcept override { const std::shared_ptr<Owner> owner = std::move(owner_); }

  private:
    std::shared_ptr<Owner> owner_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LATER_LOOK_HPP
