// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/answer_events.hpp>

#include <cstddef>

#include <gateway/api/events.hpp>

namespace gateway {

namespace {

constexpr std::size_t enough = 16 * 1024;  // for one write

}  // namespace

net::awaitable<std::optional<std::string>> AnswerEvents::next() {
    if (ended_) {
        co_return std::nullopt;
    }
    try {
        LiveAnswer::Next next = co_await answer_->next(heartbeat_);
        if (next.what == LiveAnswer::Next::What::silence) {
            co_return ":\n\n";  // a comment: nobody on the way is to take the connection for dead
        }
        if (next.what == LiveAnswer::Next::What::part) {
            std::string events = event_of(next.text);
            while (events.size() < enough) {  // what has come meanwhile is sent with it
                const std::optional<std::string> more = answer_->try_next();
                if (!more) {
                    break;
                }
                events += event_of(*more);
            }
            co_return events;
        }
    } catch (const JobFailed& error) {
        ended_ = true;
        co_return event_of(error_text(shape_, error.failure()));
    }
    ended_ = true;
    co_return shape_ == ErrorShape::openai ? std::optional{event_of("[DONE]")} : std::nullopt;
}

}  // namespace gateway
