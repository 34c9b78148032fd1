// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/request_trace.hpp>

#include <string>

namespace gateway {

TraceContext trace_of(const HttpRequest& request) {
    if (request.count("traceparent") != 1) {
        return new_trace();
    }
    std::string state;  // which may come in several fields
    const auto [begin, end] = request.equal_range("tracestate");
    for (auto field = begin; field != end; ++field) {
        state.append(state.empty() ? "" : ",").append(view(field->value()));
    }
    return trace_of(view(request["traceparent"]), state);
}

}  // namespace gateway
