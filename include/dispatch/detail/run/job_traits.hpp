// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_JOB_TRAITS_HPP
#define DISPATCH_DETAIL_RUN_JOB_TRAITS_HPP

#include <memory>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/run/pool_state.hpp>
#include <dispatch/job.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How jobs of R and S are made, and run. Most are run as what they are; specialized where a response is more than one
/// value.
template <typename R, typename S, typename Executor>
struct JobTraits {
    /// What a worker's lanes know of the job: its request, and the value with which its handler ends.
    using Request = R;
    using Response = S;

    /// What a lane calls with a Request.
    template <typename Handler>
    using AdaptedHandler = Handler;

    /// The job together with the submitter's completion handler.
    template <typename Handler>
    using Operation = HandlerOperation<Job<R, S, Executor>, Handler, Executor>;

    /// What completes handler on Native where there is no job: a type that is compiled for the operation anyway.
    template <typename Handler, typename Native>
    using Refusal = HandlerOperation<Job<R, S, Native>, Handler, Native>;

    /// Makes one. The pool's context lives. Where it throws, handler is unchanged.
    template <typename Handler, typename Options>
    [[gnu::always_inline]] static inline Operation<Handler>* make(Handler& handler,
                                                                  const std::shared_ptr<PoolState<Executor>>& pool,
                                                                  R&& request, const Options& options,
                                                                  JobContext::Clock::time_point now,
                                                                  bool has_patience) {
        return Operation<Handler>::make(
            handler, *pool->executor(), options.deadline ? Memory::detached : Memory::handler,
            JobNode<Executor>::tail_size(options, has_patience), std::move(request), options, now, has_patience);
    }
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_JOB_TRAITS_HPP
