// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_TRACE_CONTEXT_HPP
#define GATEWAY_BASE_TRACE_CONTEXT_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gateway {

/// Which trace a request belongs to, in the words of W3C's Trace Context. It has no span: whoever is asked because of
/// the request gets one of its own.
struct TraceContext {
    /// A longer tracestate is not passed on; W3C asks for 512 bytes at least.
    static constexpr std::size_t longest_state = 1024;

    std::string id = {};     ///< 32 hexadecimal digits; empty: none yet
    std::uint8_t flags = 0;  ///< 1: sampled; 2: the id is random
    std::string state = {};  ///< tracestate, as it came
};

/// A new trace, which is not sampled.
[[nodiscard]] TraceContext new_trace();

/// The trace that the fields of a request name; where traceparent is not valid, a new one.
[[nodiscard]] TraceContext trace_of(std::string_view traceparent, std::string_view tracestate);

/// traceparent for one more request of a trace, with a new span, and with a new id where the trace has none.
[[nodiscard]] std::string traceparent_of_new_span(const TraceContext& trace);

}  // namespace gateway

#endif  // GATEWAY_BASE_TRACE_CONTEXT_HPP
