// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_RESPONSE_READER_HPP
#define GATEWAY_UPSTREAM_RESPONSE_READER_HPP

#include <optional>
#include <string>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// A response whose body is read as it arrives: no faster than it is asked for, so that who takes it slowly slows the
/// server. Destroyed before the end of the body, it closes its connection. It must not be destroyed while it reads.
class ResponseReader {
  public:
    ResponseReader() = default;
    ResponseReader(const ResponseReader&) = delete;
    ResponseReader& operator=(const ResponseReader&) = delete;
    virtual ~ResponseReader() = default;

    /// Status and fields; the body is empty.
    [[nodiscard]] virtual const HttpResponse& head() const = 0;

    /// The bytes of the body that are next, as soon as there are some; nothing: that was all.
    ///
    /// Executor: that of the awaiting coroutine, which must be a strand (or have one thread), and the same for all of a
    /// response. Cancellation: terminal closes the connection and throws operation_aborted. Throws TransportError, with
    /// timed_out() when deadline passes. After it has thrown, there is nothing more to be read.
    virtual net::awaitable<std::optional<std::string>> read(Clock::time_point deadline) = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_RESPONSE_READER_HPP
