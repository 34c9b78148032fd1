// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/translate.hpp>

#include <ctime>

#include <gateway/dialects/chat_answer_writer.hpp>
#include <gateway/dialects/chat_part_writer.hpp>
#include <gateway/dialects/chat_request_check.hpp>
#include <gateway/dialects/chat_request_reader.hpp>
#include <gateway/dialects/gemini_answer_writer.hpp>
#include <gateway/dialects/gemini_part_writer.hpp>
#include <gateway/dialects/gemini_request_check.hpp>
#include <gateway/dialects/gemini_request_reader.hpp>

namespace gateway {

void check_request(Dialect dialect, const Json& request) {
    dialect == Dialect::chat ? check_chat_request(request) : check_gemini_request(request);
}

Conversation read_request(Dialect dialect, const Json& request, const UpstreamForm& upstream) {
    return dialect == Dialect::chat ? read_chat_request(request, upstream) : read_gemini_request(request, upstream);
}

std::string write_answer(Dialect dialect, const Answer& answer, std::string_view id) {
    return dialect == Dialect::chat ? write_chat_answer(answer, id, std::time(nullptr)) : write_gemini_answer(answer);
}

std::unique_ptr<PartWriter> make_part_writer(Dialect dialect, std::string_view id, bool usage_wanted) {
    if (dialect == Dialect::chat) {
        return std::make_unique<ChatPartWriter>(id, std::time(nullptr), usage_wanted);
    }
    return std::make_unique<GeminiPartWriter>();
}

}  // namespace gateway
