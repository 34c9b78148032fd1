// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_OPENAI_HPP
#define GATEWAY_UPSTREAM_OPENAI_HPP

#include <atomic>
#include <string>
#include <string_view>

#include <gateway/upstream/api.hpp>

namespace gateway {

/// OpenAI's chat completions, which llama.cpp, vLLM and Ollama speak as well. Requests of this dialect, and their
/// responses, go through as they are, but for the model's name; those of another are translated.
///
/// The most tokens of an answer are asked for as max_tokens, until the server wants max_completion_tokens. topK is sent
/// as top_k, which OpenAI itself refuses and the others take.
class OpenAiApi : public Api {
  public:
    /// base_path: what comes before /chat/completions; empty: /v1. model: empty, the server takes what it has, or what
    /// a request of its own dialect names.
    OpenAiApi(std::string_view base_path, std::string_view model);

    [[nodiscard]] Dialect dialect() const override { return Dialect::chat; }
    [[nodiscard]] std::string translate(Dialect dialect, Delivery delivery, const Json& request) const override;
    [[nodiscard]] UpstreamRequest make_request(Delivery delivery, SharedText body) const override;
    [[nodiscard]] ModelAnswer read_response(const Json& body, Dialect dialect, std::string_view id) const override;
    [[nodiscard]] bool amend(UpstreamRequest& message, const HttpResponse& refusal) override;

  private:
    std::atomic<bool> completion_tokens_{false};  ///< the server wants max_completion_tokens
    std::string target_;
    std::string model_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_OPENAI_HPP
