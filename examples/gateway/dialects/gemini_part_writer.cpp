// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_part_writer.hpp>

#include <gateway/dialects/gemini_answer_writer.hpp>

namespace gateway {

std::vector<std::string> GeminiPartWriter::write(const Answer& part) {
    if (part.candidates.empty() && part.blocked.empty() && part.usage == Usage{}) {
        return {};
    }
    Answer whole = part;
    if (!part.model.empty()) {
        model_ = part.model;
    }
    whole.model = model_;  // which each response of Gemini's names
    return {write_gemini_answer(whole)};
}

}  // namespace gateway
