// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_MODEL_HPP
#define GATEWAY_UPSTREAM_MODEL_HPP

#include <stdexcept>

#include "../json.hpp"
#include "../net.hpp"

namespace gateway {

/// The upstream could not answer. what() is what the client is told: it names no secret.
class UpstreamError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What generates. Requests and responses are those of Vertex AI's generateContent, whoever answers.
class Model {
  public:
    Model() = default;
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;
    virtual ~Model() = default;

    /// The response to request, which must live until it is there.
    ///
    /// Executor: that of the awaiting coroutine. Cancellation: terminal ends it soon, with an exception
    /// (operation_aborted). Throws UpstreamError. Thread-safe.
    virtual net::awaitable<Json> generate(const Json& request) = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_MODEL_HPP
