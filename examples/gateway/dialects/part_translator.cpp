// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/part_translator.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include <gateway/dialects/gemini_answer_reader.hpp>
#include <gateway/dialects/translate.hpp>

namespace gateway {

namespace {

constexpr std::size_t most_candidates = 1'000;

}  // namespace

PartTranslator::PartTranslator(Dialect upstream, Dialect client, std::string_view id, bool usage_wanted)
    : upstream_{upstream}, writer_{upstream == client ? nullptr : make_part_writer(client, id, usage_wanted)} {}

std::vector<std::string> PartTranslator::take(std::string_view data) {
    const bool chat = upstream_ == Dialect::chat;
    if (chat && data == "[DONE]") {
        done_ = true;
        return {};
    }
    const Json json = parse_json(data, max_answer_values);
    chat ? check_chat_chunk(json) : check_gemini_part(json);
    note(chat ? chat_chunk_ends(json) : gemini_part_ends(json));
    usage_.update(chat ? chat_usage(json) : gemini_usage(json));
    if (!writer_) {
        const bool one_line = data.find('\n') == std::string_view::npos;
        return {one_line ? std::string{data} : dump(json)};  // which is on one
    }
    return writer_->write(chat ? chunks_.read(json) : read_gemini_part(json));
}

void PartTranslator::note(const PartEnds& ends) {
    for (const std::uint64_t index : ends.ended) {
        ended_.insert(index);
        going_on_.erase(index);
    }
    for (const std::uint64_t index : ends.going_on) {
        if (!ended_.contains(index)) {  // some have something to add
            going_on_.insert(index);
        }
    }
    if (going_on_.size() + ended_.size() > most_candidates) {
        throw NotUnderstood{"it has more than " + std::to_string(most_candidates) + " candidates"};
    }
    blocked_ = blocked_ || ends.blocked;
}

std::vector<std::string> PartTranslator::end() {
    const bool complete = going_on_.empty() && (blocked_ || !ended_.empty());
    const bool said = !going_on_.empty() || !ended_.empty();
    if (!complete && !(done_ && said)) {
        throw BrokenOff{"it ended before it was complete"};
    }
    std::vector<std::string> texts;
    if (writer_) {
        texts =
            writer_->write(chunks_.end(going_on_));  // which an upstream that says [DONE] may leave without a reason
        std::ranges::move(writer_->end(), std::back_inserter(texts));
    }
    return texts;
}

}  // namespace gateway
