// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ANSWER_EVENTS_HPP
#define GATEWAY_API_ANSWER_EVENTS_HPP

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
/// answer that breaks off ends with an event that says why, in the API's shape.
class AnswerEvents final : public BodySource {
  public:
    AnswerEvents(std::unique_ptr<LiveAnswer> answer, ErrorShape shape, std::unique_ptr<Waiting> waiting)
        : answer_{std::move(answer)}, shape_{shape}, waiting_{std::move(waiting)} {}

    net::awaitable<std::optional<std::string>> next() override;

  private:
    const std::unique_ptr<LiveAnswer> answer_;
    const ErrorShape shape_;
    const std::unique_ptr<Waiting> waiting_;
    bool ended_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_API_ANSWER_EVENTS_HPP
