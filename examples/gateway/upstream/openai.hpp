// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_OPENAI_HPP
#define GATEWAY_UPSTREAM_OPENAI_HPP

#include <atomic>
#include <string>
#include <string_view>

#include <gateway/upstream/api.hpp>

namespace gateway {

/// OpenAI's chat completions, which llama.cpp, vLLM and Ollama speak as well.
///
/// Texts, images (inlineData), the system instruction and the usual settings are translated. What has no counterpart
/// (tools, files by reference, safetySettings, schemas) is refused by name, not dropped: an answer that does not do
/// what was asked would look as if it did. Only what asks for nothing is dropped: labels, empty members, and the
/// model's thoughts among its former answers. topK is sent as top_k, which OpenAI itself refuses and the others take;
/// maxOutputTokens as max_tokens, until the server wants max_completion_tokens.
///
/// Of answers, calls of functions become functionCall parts, and a refusal is a text that ended for SAFETY.
class OpenAiApi : public Api {
  public:
    /// base_path: what comes before /chat/completions; empty: /v1. model: empty, the request names none, and the server
    /// takes what it has.
    OpenAiApi(std::string_view base_path, std::string_view model);

    [[nodiscard]] std::string translate(const Json& request) const override;
    [[nodiscard]] UpstreamRequest make_request(SharedText body) const override;
    [[nodiscard]] ModelAnswer read_response(const Json& body) const override;
    [[nodiscard]] bool amend(UpstreamRequest& message, const HttpResponse& refusal) override;

  private:
    std::atomic<bool> completion_tokens_{false};  ///< the server wants max_completion_tokens
    std::string target_;
    std::string model_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_OPENAI_HPP
