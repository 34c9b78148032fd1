// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/sse_parser.hpp>

#include <algorithm>
#include <utility>

namespace gateway {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

void SseParser::put(std::string_view bytes) {
    buffer_.erase(0, begin_);
    looked_ -= begin_;
    begin_ = 0;
    buffer_ += bytes;
}

std::optional<SseEvent> SseParser::next() {
    if (at_start_) {
        if (buffer_.size() < byte_order_mark.size() && byte_order_mark.starts_with(buffer_)) {
            return std::nullopt;  // it may still be one
        }
        at_start_ = false;
        begin_ = looked_ = buffer_.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
    }
    while (const std::optional<std::string_view> line = take_line()) {
        if (!line->empty()) {
            take_field(*line);
            continue;
        }
        SseEvent event = std::exchange(event_, {});
        if (std::exchange(has_data_, false)) {
            return event;
        }
    }
    bound(buffer_.size() - begin_);
    return std::nullopt;
}

/// The next line that is complete, without its end: LF, CR or both.
std::optional<std::string_view> SseParser::take_line() {
    if (after_cr_ && begin_ < buffer_.size()) {
        after_cr_ = false;
        begin_ += buffer_[begin_] == '\n' ? 1U : 0U;
        looked_ = std::max(looked_, begin_);
    }
    const std::size_t end = buffer_.find_first_of("\r\n", looked_);
    if (end == std::string::npos) {
        looked_ = buffer_.size();
        return std::nullopt;
    }
    after_cr_ = buffer_[end] == '\r';
    const std::string_view line{buffer_.data() + begin_, end - begin_};
    begin_ = looked_ = end + 1;
    bound(line.size());
    return line;
}

void SseParser::take_field(std::string_view line) {
    const std::size_t colon = line.find(':');  // one at the beginning: a comment
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    value.remove_prefix(value.starts_with(' ') ? 1 : 0);
    if (name == "event") {
        event_.type = value;
    } else if (name == "data") {
        bound(event_.data.size() + value.size() + 1);
        event_.data.append(has_data_ ? "\n" : "").append(value);
        has_data_ = true;
    }
}

void SseParser::bound(std::size_t size) const {
    if (size > limit_) {
        throw SseTooLarge{limit_};
    }
}

}  // namespace gateway
