// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LATER_LOOK_HPP
#define DISPATCH_DETAIL_RUN_LATER_LOOK_HPP

#include <memory>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/task_queue.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Has a pool's backlog list what was deferred, behind what is queued on the workers' threads. Part of what it looks
/// at, which it keeps alive: PoolState. Nothing fails.
template <typename Pool>
class LaterLook final : public Task {
  public:
    /// For whom Backlog::defer() has told that it is due.
    template <typename Batcher>
    void post(const std::shared_ptr<Pool>& pool, Batcher& batcher) noexcept {
        pool_ = pool;
        batcher.post(*this);
    }

    void run() override {
        // It may be posted again from here on.
        const std::shared_ptr<Pool> pool = std::move(pool_);
        pool->backlog.list_deferred();
    }

    void destroy() noexcept override { const std::shared_ptr<Pool> pool = std::move(pool_); }

  private:
    std::shared_ptr<Pool> pool_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LATER_LOOK_HPP
