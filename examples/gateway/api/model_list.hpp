// SPDX-License-Identifier: Apache-2.0
// What clients are told of the model that the gateway serves, in each API.
#ifndef GATEWAY_API_MODEL_LIST_HPP
#define GATEWAY_API_MODEL_LIST_HPP

#include <ctime>
#include <string>
#include <string_view>

namespace gateway {

/// The model that answers.
struct ServedModel {
    std::string name;
    /// Requests may name any other as well, and get an answer of this one, or of the one that the upstream finds.
    bool any = true;
    std::time_t since = 0;  ///< seconds since 1970
};

/// The text of OpenAI's description of the model, and of its list of models.
[[nodiscard]] std::string openai_model(const ServedModel& model);
[[nodiscard]] std::string openai_models(const ServedModel& model);

/// The same of Gemini's.
[[nodiscard]] std::string gemini_model(const ServedModel& model);
[[nodiscard]] std::string gemini_models(const ServedModel& model);

/// A name as it stands in a path, percent-encoded: what it is. What is not encoded well stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_API_MODEL_LIST_HPP
