// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_SSE_PARSER_HPP
#define GATEWAY_UPSTREAM_SSE_PARSER_HPP

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gateway {

/// An event of a server-sent stream.
struct SseEvent {
    std::string type;  ///< as its field "event" has it; empty: it has none, which means "message"
    std::string data;

    friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

/// An event is over the limit.
class SseTooLarge : public std::runtime_error {
  public:
    explicit SseTooLarge(std::size_t limit)
        : std::runtime_error{"an event of its stream is over " + std::to_string(limit) + " bytes"} {}
};

/// Finds the events in a body of type text/event-stream, in whatever pieces it arrives (HTML, "Server-sent events").
/// Ids and times to reconnect are passed over: a response that broke off cannot be taken up again. An event that the
/// end of the body cuts off is none.
class SseParser {
  public:
    /// limit: bytes of an event's data, and of a line.
    explicit SseParser(std::size_t limit) : limit_{limit} {}

    /// Takes the next bytes. Throws SseTooLarge; the parser is of no more use then. Call next() until there are no more
    /// events before the next.
    void put(std::string_view bytes);

    /// The next event, if it is complete.
    std::optional<SseEvent> next();

  private:
    std::optional<std::string_view> take_line();
    void take_field(std::string_view line);
    void bound(std::size_t size) const;

    const std::size_t limit_;
    std::string buffer_;      // what has arrived; all before begin_ is done with
    std::size_t begin_ = 0;   // of the line that is taken next
    std::size_t looked_ = 0;  // no line ends between begin_ and this
    bool at_start_ = true;    // where a byte order mark may be
    bool after_cr_ = false;   // a line feed that is next belongs to the end of the line before
    bool has_data_ = false;
    SseEvent event_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_SSE_PARSER_HPP
