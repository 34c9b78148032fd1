// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_FAILURE_HPP
#define GATEWAY_HTTP_FAILURE_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <gateway/base/json.hpp>

namespace gateway {

/// Why something was not done, for programs and for people. Each error that the gateway tells of is one of these.
struct Failure {
    unsigned status = 500;                                           ///< of HTTP
    std::string code = "internal_error";                             ///< a word for programs
    std::string message;                                             ///< for people
    bool retryable = false;                                          ///< the same request may do better later
    std::optional<std::chrono::seconds> retry_after = std::nullopt;  ///< when, if that is known

    friend bool operator==(const Failure&, const Failure&) = default;
};

/// With the code that is HTTP's own name of status ("bad_request"). retryable: 408, 429, 503 and 504.
[[nodiscard]] Failure failure_of_status(unsigned status, std::string_view message);

/// {"code", "status", "message", "retryable"}, and "retry_after_seconds" if that is known.
[[nodiscard]] Json to_json(const Failure& failure);

/// What the store keeps of a job that failed, and back. Text that was not written by failure_text(), as that of a
/// former version, is the message of an unknown failure.
[[nodiscard]] std::string failure_text(const Failure& failure);
[[nodiscard]] Failure read_failure(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_HTTP_FAILURE_HPP
