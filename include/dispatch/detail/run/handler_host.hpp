// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_HANDLER_HOST_HPP
#define DISPATCH_DETAIL_RUN_HANDLER_HOST_HPP

#include <memory>
#include <system_error>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/run/lane.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

template <typename Executor>
class Worker;

/// What a worker needs of its handler, which knows the types of requests and responses.
template <typename Executor>
class HandlerHost {
  public:
    virtual ~HandlerHost() = default;

    /// Starts the coroutine of a new lane, which takes jobs of worker. It keeps that alive.
    virtual void spawn_lane(const std::shared_ptr<Worker<Executor>>& worker, Lane& lane) = 0;
    /// A job that was counted in the load will not be run. Any thread.
    virtual void dropped(const Worker<Executor>& worker, const JobNode<Executor>& job,
                         std::error_code why) noexcept = 0;
    /// The handler may own what belongs to the context: it goes now, or with the last lane that is in it.
    virtual void context_shutdown() noexcept = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_HANDLER_HOST_HPP
