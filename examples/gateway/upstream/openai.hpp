// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_OPENAI_HPP
#define GATEWAY_UPSTREAM_OPENAI_HPP

#include <string>
#include <string_view>

#include "api.hpp"

namespace gateway {

/// OpenAI's chat completions, which llama.cpp, vLLM and Ollama speak as well. Of what has no counterpart, what the
/// answer depends on is refused (function calls, files by reference, cached contents, schemas), and the rest is left
/// out (topK, safetySettings).
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
