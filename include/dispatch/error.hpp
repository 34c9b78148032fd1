// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_ERROR_HPP
#define DISPATCH_ERROR_HPP

#include <exception>
#include <string>
#include <system_error>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Why a job was not run to its end. Errors of this kind reach the submitter as a std::system_error.
enum class errc {
    /// No queue had a place left (with a pinned session: its worker's), and the pool, or try_submit,
    /// rejects instead of waiting.
    queue_full = 1,
    /// The job's deadline passed before its response was there.
    deadline_exceeded,
    /// The pool is draining, stopped or destroyed, or its execution context is gone.
    stopped,
    /// The handler's coroutine was destroyed before it had ended: something that it awaited let go of it. (A library
    /// dropped its callbacks at its own shutdown, or another context was destroyed.)
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
                return "the job's deadline passed before its response was there";
            case errc::stopped:
                return "the pool is draining or stopped and takes no more jobs";
            case errc::abandoned:
                return "the handler's coroutine was destroyed before it had ended: what it awaited was dropped";
        }
        return "unknown dispatch error " + std::to_string(value);
    }
};

}  // namespace detail

/// The category of errc; its name is "dispatch". Thread-safe.
inline const std::error_category& error_category() noexcept {
    static const detail::NeverDestroyed<detail::ErrorCategory> category;
    return category.value;
}

/// The error_code of value, to which an errc also converts by itself. Thread-safe.
inline std::error_code make_error_code(errc value) noexcept { return {static_cast<int>(value), error_category()}; }

namespace detail {

/// The exception that a submitter sees for code.
inline std::exception_ptr make_system_error(std::error_code code) noexcept {
    return retry_on_bad_alloc([code] { return std::make_exception_ptr(std::system_error{code}); });
}

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_ERROR_HPP
