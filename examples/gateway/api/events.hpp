// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_EVENTS_HPP
#define GATEWAY_API_EVENTS_HPP

#include <string>
#include <string_view>

#include <gateway/http/message.hpp>

namespace gateway {

/// The beginning of a response that is a stream of server-sent events (HTML, "Server-sent events").
[[nodiscard]] inline HttpResponse events_response() {
    HttpResponse response{http::status::ok, 11};
    response.set(http::field::content_type, "text/event-stream");
    response.set(http::field::cache_control, "no-store");
    response.set("X-Accel-Buffering", "no");  // of nginx, which would hold events back
    response.set("X-Content-Type-Options", "nosniff");
    return response;
}

/// The text of an event. data: on one line.
[[nodiscard]] inline std::string event_of(std::string_view data) {
    std::string text;
    text.reserve(data.size() + 8);
    text.append("data: ").append(data).append("\n\n");
    return text;
}

}  // namespace gateway

#endif  // GATEWAY_API_EVENTS_HPP
