// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_REQUEST_TRACE_HPP
#define GATEWAY_API_REQUEST_TRACE_HPP

#include <gateway/base/trace_context.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// The trace that a request names in traceparent and tracestate, as trace_of() has it; a new one, if it names several.
[[nodiscard]] TraceContext trace_of(const HttpRequest& request);

}  // namespace gateway

#endif  // GATEWAY_API_REQUEST_TRACE_HPP
