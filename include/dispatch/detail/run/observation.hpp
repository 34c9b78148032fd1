// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_OBSERVATION_HPP
#define DISPATCH_DETAIL_RUN_OBSERVATION_HPP

#include <cstddef>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/observer.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// In the place of an observer: there is none.
struct Unobserved {};

template <typename O>
inline constexpr bool is_observed = !std::is_same_v<O, Unobserved>;

/// What an observer sees of one job: its handler's start, and its end. Clock says how long that takes.
template <typename O, typename Clock>
class Observation {
  public:
    void start(O& observer, std::size_t worker, std::string_view session, typename Clock::duration queued) noexcept {
        observer_ = &observer;
        event_.worker = worker;
        event_.session = session;
        event_.queued = queued;
        start_ = Clock::now();
        observer.started(StartedEvent{worker, session, queued});
    }

    /// The first end counts; none does without a start.
    void end(std::exception_ptr error) noexcept {
        if (O* const observer = std::exchange(observer_, nullptr)) {
            event_.ran = Clock::now() - start_;
            event_.error = std::move(error);
            observer->finished(event_);
        }
    }

  private:
    O* observer_ = nullptr;
    FinishedEvent event_{};
    typename Clock::time_point start_{};
};

template <typename Clock>
class Observation<Unobserved, Clock> {};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_OBSERVATION_HPP
