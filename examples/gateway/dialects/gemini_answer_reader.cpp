// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_answer_reader.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

std::optional<FinishReason> gemini_finish(std::string_view reason) {
    if (reason.empty()) {
        return std::nullopt;
    }
    if (reason == "STOP") {
        return FinishReason::stop;
    }
    if (reason == "MAX_TOKENS") {
        return FinishReason::length;
    }
    for (const std::string_view filtered :
         {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"}) {
        if (reason == filtered) {
            return FinishReason::filtered;
        }
    }
    return FinishReason::other;
}

void read_part(const Json& part, Candidate& candidate) {
    const Json* const thought = find_member(part, "thought");
    if (thought != nullptr && *thought == true) {
        return;
    }
    if (const Json* const text = find_member(part, "text")) {
        candidate.text += text_of(text);
        return;
    }
    if (const Json* const call = find_member(part, "functionCall")) {
        const Json* const arguments = find_member(*call, "args");
        candidate.calls.push_back({std::string{text_of(find_member(*call, "id"))},
                                   std::string{text_of(find_member(*call, "name"))},
                                   arguments != nullptr && arguments->is_object() ? dump(*arguments) : "{}"});
        return;
    }
    const auto* const members = part.get_ptr<const Json::object_t*>();
    const std::string_view kind = members == nullptr || members->empty() ? std::string_view{} : members->front().first;
    if (kind != "thoughtSignature") {  // which may come with an empty text
        throw NotUnderstood{"a part of its content is " + quote(kind)};
    }
}

std::uint64_t index_of(const Json& candidate, std::size_t position) {
    return count_in(candidate, "index").value_or(position);
}

Candidate read_candidate(const Json& json, std::size_t position) {
    Candidate candidate;
    candidate.index = index_of(json, position);
    const Json* const content = find_member(json, "content");
    if (const Json* const parts = content == nullptr ? nullptr : find_member(*content, "parts")) {
        for (const Json& part : *parts) {
            read_part(part, candidate);
        }
    }
    candidate.finish = gemini_finish(text_of(find_member(json, "finishReason")));
    return candidate;
}

/// Of a response that has passed its check.
Answer read_checked(const Json& response) {
    Answer answer;
    answer.model = text_of(find_member(response, "modelVersion"));
    answer.usage = gemini_usage(response);
    if (const Json* const candidates = find_member(response, "candidates")) {
        for (std::size_t i = 0; i < candidates->size(); ++i) {
            answer.candidates.push_back(read_candidate((*candidates)[i], i));
        }
    }
    if (const Json* const feedback = find_member(response, "promptFeedback")) {
        answer.blocked = text_of(find_member(*feedback, "blockReason"));
    }
    return answer;
}

}  // namespace

void check_gemini_answer(const Json& response) {
    const Json* const candidates = find_member(response, "candidates");
    const Json* const feedback = find_member(response, "promptFeedback");
    if (candidates == nullptr ? feedback == nullptr || !feedback->is_object() : !candidates->is_array()) {
        throw NotUnderstood{"it is no generateContent response"};
    }
}

Usage gemini_usage(const Json& response) {
    Usage usage;
    if (const Json* const counts = find_member(response, "usageMetadata")) {
        usage.input = count_in(*counts, "promptTokenCount");
        usage.output = count_in(*counts, "candidatesTokenCount");
        usage.thoughts = count_in(*counts, "thoughtsTokenCount");
        usage.cached = count_in(*counts, "cachedContentTokenCount");
        usage.total = count_in(*counts, "totalTokenCount");
    }
    return usage;
}

Answer read_gemini_answer(const Json& response) {
    check_gemini_answer(response);
    return read_checked(response);
}

void check_gemini_part(const Json& part) {
    if (const Json* const error = find_member(part, "error")) {
        const std::string_view message = text_of(find_member(*error, "message"));
        throw BrokenOff{std::string{message.empty() ? "it does not say why" : message}};
    }
    const Json* const usage = find_member(part, "usageMetadata");
    if (usage == nullptr || !usage->is_object() || find_member(part, "candidates") != nullptr) {
        check_gemini_answer(part);
    }
}

PartEnds gemini_part_ends(const Json& part) {
    PartEnds ends;
    const Json* const feedback = find_member(part, "promptFeedback");
    ends.blocked = feedback != nullptr && !text_of(find_member(*feedback, "blockReason")).empty();
    if (const Json* const candidates = find_member(part, "candidates")) {
        for (std::size_t i = 0; i < candidates->size(); ++i) {
            const bool ended = !text_of(find_member((*candidates)[i], "finishReason")).empty();
            (ended ? ends.ended : ends.going_on).push_back(index_of((*candidates)[i], i));
        }
    }
    return ends;
}

Answer read_gemini_part(const Json& part) {
    check_gemini_part(part);
    return read_checked(part);
}

}  // namespace gateway
