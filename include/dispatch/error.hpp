// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_ERROR_HPP
#define DISPATCH_ERROR_HPP

#include <exception>
#include <string>
#include <system_error>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Why a job has no response. The submitter receives these codes in a `std::system_error`.
enum class errc {
    /// Every worker was full (for a pinned session: the session's worker), so the job was refused. Only try_submit()
    /// and pools with Overflow::reject complete with this error. The handler has not run.
    queue_full = 1,
    /// SubmitOptions::deadline passed before the handler ended. The handler has not run, or may still be running; a
    /// coroutine has received a terminal cancellation.
    deadline_exceeded,
    /// The pool takes no more jobs, because it is draining, stopped or destroyed or its execution context is gone; or
    /// the pool was stopped or destroyed before the job's turn came. The handler has not run.
    stopped,
    /// The handler's coroutine was destroyed before it ended, because something that it awaited was dropped. For
    /// example, a library discarded its callbacks when it shut down, or another execution context was destroyed.
    abandoned,
};

}  // namespace dispatch::inline DISPATCH_ABI

/// @cond
template <>
struct std::is_error_code_enum<dispatch::errc> : std::true_type {};
/// @endcond

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

class ErrorCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "dispatch"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::queue_full:
                return "the worker's queue is full: retry later, raise queue_capacity, or use Overflow::wait";
            case errc::deadline_exceeded:
                return "the job's deadline passed before its response was complete";
            case errc::stopped:
                return "the pool is draining or stopped and takes no more jobs";
            case errc::abandoned:
                return "the handler's coroutine was destroyed before it had ended: what it awaited was dropped";
        }
        return "unknown dispatch error " + std::to_string(value);
    }
};

}  // namespace detail

/// Returns the category of errc, whose name() is "dispatch". It is never destroyed, so static destructors may use it,
/// too. Thread-safe.
inline const std::error_category& error_category() noexcept {
    static const detail::NeverDestroyed<detail::ErrorCategory> category;
    return category.value;
}

/// Returns value as a `std::error_code`. An errc also converts to one implicitly. Thread-safe.
inline std::error_code make_error_code(errc value) noexcept { return {static_cast<int>(value), error_category()}; }

namespace detail {

/// Returns the exception that a submitter receives for code. Waits while there is no memory for it.
inline std::exception_ptr make_system_error(std::error_code code) noexcept {
    return retry_on_bad_alloc([code] { return std::make_exception_ptr(std::system_error{code}); });
}

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_ERROR_HPP
