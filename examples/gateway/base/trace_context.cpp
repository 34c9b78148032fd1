// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/trace_context.hpp>

#include <gateway/base/random_hex.hpp>

namespace gateway {

namespace {

constexpr std::size_t id_digits = 32;
constexpr std::size_t span_digits = 16;
constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t known_flags = 3;

bool is_hex(std::string_view text) { return text.find_first_not_of(digits) == std::string_view::npos; }
bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

/// Of random digits that are not all zero, which would be no id.
std::string new_id(std::size_t size) {
    std::string id = random_hex(size);
    while (!is_id(id)) {
        id = random_hex(size);
    }
    return id;
}

}  // namespace

TraceContext new_trace() { return {new_id(id_digits)}; }

TraceContext trace_of(std::string_view traceparent, std::string_view tracestate) {
    // version-id-span-flags; later versions may add to its end.
    constexpr std::size_t size = 2 + 1 + id_digits + 1 + span_digits + 1 + 2;
    const std::string_view start = traceparent.substr(0, size);
    const bool has_form = start.size() == size && start[2] == '-' && start[35] == '-' && start[52] == '-';
    const std::string_view version = start.substr(0, 2);
    const bool ends = has_form && (traceparent.size() == size || (version != "00" && traceparent[size] == '-'));
    if (!ends || !is_hex(version) || version == "ff" || !is_id(start.substr(3, id_digits)) ||
        !is_id(start.substr(36, span_digits)) || !is_hex(start.substr(53))) {
        return new_trace();
    }
    TraceContext trace{std::string{start.substr(3, id_digits)}};
    trace.flags = static_cast<std::uint8_t>(digits.find(start.back()) & known_flags);
    if (tracestate.size() <= TraceContext::longest_state) {
        trace.state = tracestate;
    }
    return trace;
}

std::string traceparent_of_new_span(const TraceContext& trace) {
    std::string text = "00-";
    text += trace.id.empty() ? new_id(id_digits) : trace.id;
    text.append("-").append(new_id(span_digits)).append("-0").append(1, digits[trace.flags & known_flags]);
    return text;
}

}  // namespace gateway
