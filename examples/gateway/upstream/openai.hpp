// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_OPENAI_HPP
#define GATEWAY_UPSTREAM_OPENAI_HPP

#include <string>
#include <string_view>

#include "api.hpp"

namespace gateway {

/// OpenAI's chat completions, which llama.cpp, vLLM and Ollama speak as well.
///
/// Texts, images (inlineData), the system instruction and the usual settings are translated. What has no counterpart
/// (tools, files by reference, safetySettings, schemas) is refused by name, not dropped: an answer that does not do
/// what was asked would look as if it did. Only what asks for nothing is dropped: labels, empty members, and the
/// model's thoughts among its former answers. topK is sent as top_k, which OpenAI itself refuses and the others take.
class OpenAiApi : public Api {
  public:
    /// base_path: what comes before /v1/chat/completions; it may end with /v1. model: empty, the request names none,
    /// and the server takes what it has.
    OpenAiApi(std::string_view base_path, std::string_view model);

    [[nodiscard]] HttpRequest make_request(const Json& request) const override;
    [[nodiscard]] Json read_response(const Json& body) const override;

  private:
    std::string target_;
    std::string model_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_OPENAI_HPP
