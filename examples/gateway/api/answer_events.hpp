// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ANSWER_EVENTS_HPP
#define GATEWAY_API_ANSWER_EVENTS_HPP

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gateway/api/error_shape.hpp>
#include <gateway/api/waiting.hpp>
#include <gateway/base/net.hpp>
#include <gateway/http/body_source.hpp>
#include <gateway/service/live_answer.hpp>

namespace gateway {

/// The server-sent events of an answer (HTML, "Server-sent events"), as its API ends them: OpenAI's with "[DONE]". An
/// answer that breaks off ends with an event that says why, in the API's shape. As long as there is nothing to say, a
/// comment says so now and then.
class AnswerEvents final : public BodySource {
  public:
    /// heartbeat: the time between such comments.
    AnswerEvents(std::unique_ptr<LiveAnswer> answer, ErrorShape shape, std::unique_ptr<Waiting> waiting,
                 std::chrono::milliseconds heartbeat)
        : answer_{std::move(answer)}, shape_{shape}, waiting_{std::move(waiting)}, heartbeat_{heartbeat} {}

    net::awaitable<std::optional<std::string>> next() override;

  private:
    const std::unique_ptr<LiveAnswer> answer_;
    const ErrorShape shape_;
    const std::unique_ptr<Waiting> waiting_;
    const std::chrono::milliseconds heartbeat_;
    bool ended_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_API_ANSWER_EVENTS_HPP
