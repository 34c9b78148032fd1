// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_OBSERVED_HANDLER_HPP
#define DISPATCH_DETAIL_OBSERVED_HANDLER_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/handler_traits.hpp>
#include <dispatch/job.hpp>
#include <dispatch/observer.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A handler of jobs of R and S, with an observer that sees when it begins and ends.
template <typename R, typename S, typename Handler, Observer O>
class ObservedHandler {
    using Traits = HandlerTraits<R, S, Handler>;
    using Returned = typename Traits::Returned;

  public:
    ObservedHandler(Handler handler, O observer) : handler_{std::move(handler)}, observer_{std::move(observer)} {}

    /// request and context live in the job until the handler has ended.
    Returned operator()(R&& request, JobContext& context) {
        if constexpr (Traits::is_coroutine) {
            return run(request, context);
        } else {
            Run observed{observer_, context};
            try {
                if constexpr (std::is_void_v<Returned>) {
                    call(request, context);
                    observed.end(nullptr);
                } else {
                    Returned response = call(request, context);
                    observed.end(nullptr);
                    return response;
                }
            } catch (...) {
                observed.end(std::current_exception());
                throw;
            }
        }
    }

    /// A job of worker that was queued for so long will not be run. Any thread.
    void drop(std::size_t worker, std::string_view session, JobContext::Clock::duration queued,
              std::error_code why) noexcept {
        observer_.dropped(DroppedEvent{worker, session, queued, why});
    }

  private:
    /// From the handler's start to its end.
    class Run {
      public:
        Run(O& observer, const JobContext& context) noexcept
            : observer_{observer}, context_{context}, queued_{context.queued_for()}, start_{JobContext::Clock::now()} {
            observer_.started(StartedEvent{context_.worker_id(), context_.session(), queued_});
        }

        void end(std::exception_ptr error) noexcept {
            observer_.finished(FinishedEvent{context_.worker_id(), context_.session(), queued_,
                                             JobContext::Clock::now() - start_, std::move(error)});
        }

      private:
        O& observer_;
        const JobContext& context_;
        const JobContext::Clock::duration queued_;
        const JobContext::Clock::time_point start_;
    };

    Returned run(R& request, JobContext& context)
        requires(Traits::is_coroutine)
    {
        Run observed{observer_, context};
        try {
            if constexpr (std::is_void_v<typename Traits::Value>) {
                co_await call(request, context);
                observed.end(nullptr);
            } else {
                typename Traits::Value response = co_await call(request, context);
                observed.end(nullptr);
                co_return response;
            }
        } catch (...) {
            observed.end(std::current_exception());
            throw;
        }
    }

    Returned call(R& request, JobContext& context) {
        if constexpr (Traits::takes_context) {
            return std::invoke(handler_, std::move(request), context);
        } else {
            return std::invoke(handler_, std::move(request));
        }
    }

    Handler handler_;
    O observer_;
};

template <typename Handler>
inline constexpr bool is_observed = false;
template <typename R, typename S, typename Handler, typename O>
inline constexpr bool is_observed<ObservedHandler<R, S, Handler, O>> = true;

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_OBSERVED_HANDLER_HPP
