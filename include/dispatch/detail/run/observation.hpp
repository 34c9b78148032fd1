// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_OBSERVATION_HPP
#define DISPATCH_DETAIL_RUN_OBSERVATION_HPP

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/observer.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// In the place of an observer: there is none.
struct Unobserved {};

template <typename O>
inline constexpr bool is_observed = !std::is_same_v<O, Unobserved>;

/// When the first part of a response was written, where it has parts. Specialized for requests of such jobs.
template <typename Request>
struct FirstPart {
    static std::optional<std::chrono::steady_clock::time_point> time(const Request& /*request*/) noexcept { return {}; }
};

/// What an observer sees of one job: its handler's start, and its end.
template <typename O>
class Observation {
  public:
    using Clock = std::chrono::steady_clock;

    void start(O& observer, const StartedEvent& event, Clock::time_point now) noexcept {
        observer_ = &observer;
        event_.worker = event.worker;
        event_.session = event.session;
        event_.queued = event.queued;
        event_.moved = event.moved;
        start_ = now;
        observer.started(event);
    }

    /// The first end counts; none does without a start.
    void end(std::exception_ptr error, Clock::time_point now, std::optional<Clock::time_point> first_part) noexcept {
        if (O* const observer = std::exchange(observer_, nullptr)) {
            event_.ran = now - start_;
            if (first_part) {
                event_.first_part = *first_part - start_;
            }
            event_.error = std::move(error);
            observer->finished(event_);
        }
    }

  private:
    O* observer_ = nullptr;
    FinishedEvent event_{};
    Clock::time_point start_{};
};

template <>
class Observation<Unobserved> {};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_OBSERVATION_HPP
