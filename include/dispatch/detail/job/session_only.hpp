// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_JOB_SESSION_ONLY_HPP
#define DISPATCH_DETAIL_JOB_SESSION_ONLY_HPP

#include <chrono>
#include <optional>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/options.hpp>
#include <dispatch/session_ref.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// SubmitOptions of a job that has a session at most, as most have: a type of its own, with the same members, so that
/// what is not asked for is neither kept nor looked at.
struct SessionOnly {
    SessionRef session;
    static constexpr std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
    static constexpr std::optional<std::chrono::nanoseconds> miss_cost = std::nullopt;
    static constexpr JobReport* report = nullptr;

    operator SubmitOptions() const noexcept { return {.session = session}; }  // NOLINT(google-explicit-constructor)
};

/// The same of a job that cannot have one.
struct NoSession {
    static constexpr SessionRef session{};
    static constexpr std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
    static constexpr std::optional<std::chrono::nanoseconds> miss_cost = std::nullopt;
    static constexpr JobReport* report = nullptr;

    operator SubmitOptions() const noexcept { return {}; }  // NOLINT(google-explicit-constructor)
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_JOB_SESSION_ONLY_HPP
