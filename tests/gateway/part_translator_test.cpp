// SPDX-License-Identifier: Apache-2.0
//
// What the events of an upstream's answer say to a client, of its own dialect and of the other.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>
#include <gateway/dialects/part_translator.hpp>

namespace part_translator_test {

using gateway::BrokenOff;
using gateway::Dialect;
using gateway::Json;
using gateway::JsonError;
using gateway::NotUnderstood;
using gateway::parse_json;
using gateway::PartTranslator;

const std::string chat_part = R"({"model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]})";
const std::string chat_end = R"({"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
const std::string chat_usage = R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}})";
const std::string gemini_part =
    R"({"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"index":0}],"modelVersion":"m"})";
const std::string gemini_end =
    R"({"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7},"modelVersion":"m"})";

/// All that is said of these events, and of their end.
std::vector<Json> said(PartTranslator& translator, const std::vector<std::string>& events) {
    std::vector<Json> texts;
    const auto add = [&](const std::vector<std::string>& more) {
        for (const std::string& text : more) {
            EXPECT_EQ(text.find('\n'), std::string::npos) << text;
            texts.push_back(parse_json(text));
        }
    };
    for (const std::string& event : events) {
        add(translator.take(event));
    }
    add(translator.end());
    return texts;
}

std::vector<Json> parsed(const std::vector<std::string>& texts) {
    std::vector<Json> all;
    for (const std::string& text : texts) {
        all.push_back(parse_json(text));
    }
    return all;
}

TEST(PartTranslator, HandsOnWhatIsOfTheClientsDialect) {
    PartTranslator chat{Dialect::chat, Dialect::chat, "id", false};
    const std::string odd = R"({"choices":[{"index":0,"delta":{"audio":[1,2]}}],"x":1})";
    EXPECT_EQ(said(chat, {chat_part, odd, chat_end, chat_usage}), parsed({chat_part, odd, chat_end, chat_usage}));
    EXPECT_EQ(chat.usage().input, 3U);
    EXPECT_EQ(chat.take(R"({"choices": [],  "usage": {}})").at(0), R"({"choices": [],  "usage": {}})") << "as it is";
    EXPECT_EQ(chat.take("{\"choices\":\n[]}").at(0), R"({"choices":[]})") << "on one line";
    EXPECT_EQ(chat.usage().output, 4U);
    EXPECT_FALSE(chat.done());
    EXPECT_TRUE(chat.take("[DONE]").empty());
    EXPECT_TRUE(chat.done());

    PartTranslator gemini{Dialect::gemini, Dialect::gemini, "id", false};
    const std::string image = R"({"candidates":[{"content":{"parts":[{"inlineData":{"data":"AA=="}}]}}]})";
    EXPECT_EQ(said(gemini, {gemini_part, image, gemini_end}), parsed({gemini_part, image, gemini_end}));
    EXPECT_EQ(gemini.usage().total, 7U);
}

TEST(PartTranslator, WritesChatForGemini) {
    PartTranslator translator{Dialect::chat, Dialect::gemini, "id", false};
    const std::vector<Json> parts = said(translator, {chat_part, chat_end, chat_usage, "[DONE]"});
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0], parse_json(gemini_part));
    EXPECT_EQ(parts[1].at("candidates").at(0).at("finishReason"), "STOP");
    EXPECT_EQ(parts[2].at("usageMetadata").at("totalTokenCount"), 7);
    EXPECT_EQ(parts[2].at("modelVersion"), "m") << "as each of Gemini's says it";
}

TEST(PartTranslator, WritesGeminiForChat) {
    PartTranslator translator{Dialect::gemini, Dialect::chat, "id", true};
    const std::vector<Json> chunks = said(translator, {gemini_part, gemini_end});
    ASSERT_EQ(chunks.size(), 3U);
    EXPECT_EQ(chunks[0].at("choices").at(0).at("delta").at("content"), "hi");
    EXPECT_EQ(chunks[1].at("choices").at(0).at("finish_reason"), "stop");
    EXPECT_EQ(chunks[2].at("usage").at("total_tokens"), 7);
}

TEST(PartTranslator, IsCompleteWhenAllCandidatesAre) {
    const std::string first =
        R"({"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]})";
    const std::string one_ends = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
    const std::string other_ends = R"({"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]})";
    const std::string note = R"({"choices":[{"index":0,"delta":{},"content_filter_offsets":{}}]})";
    const std::string parts = R"({"candidates":[{"index":0,"finishReason":"STOP"},{"index":1}]})";
    for (const Dialect client : {Dialect::chat, Dialect::gemini}) {
        PartTranslator chat{Dialect::chat, client, "id", false};
        (void)chat.take(first);
        (void)chat.take(one_ends);
        EXPECT_THROW((void)chat.end(), BrokenOff);
        (void)chat.take(other_ends);
        (void)chat.take(note);  // after its end
        EXPECT_NO_THROW((void)chat.end());
        PartTranslator gemini{Dialect::gemini, client, "id", false};
        (void)gemini.take(parts);
        EXPECT_THROW((void)gemini.end(), BrokenOff);
    }
}

TEST(PartTranslator, KnowsAnAnswerThatIsNotComplete) {
    for (const Dialect client : {Dialect::chat, Dialect::gemini}) {
        PartTranslator none{Dialect::chat, client, "id", false};
        EXPECT_THROW((void)none.end(), BrokenOff);
        PartTranslator chat{Dialect::chat, client, "id", false};
        (void)chat.take(chat_part);
        EXPECT_THROW((void)chat.end(), BrokenOff);
        (void)chat.take("[DONE]");
        EXPECT_NO_THROW((void)chat.end()) << "some never say why they end";
        PartTranslator nothing{Dialect::chat, client, "id", false};
        (void)nothing.take("[DONE]");
        EXPECT_THROW((void)nothing.end(), BrokenOff);
        PartTranslator gemini{Dialect::gemini, client, "id", false};
        (void)gemini.take(gemini_part);
        EXPECT_THROW((void)gemini.end(), BrokenOff);
        PartTranslator blocked{Dialect::gemini, client, "id", false};
        EXPECT_FALSE(blocked.take(R"({"promptFeedback":{"blockReason":"SAFETY"}})").empty());
        EXPECT_NO_THROW((void)blocked.end());
        PartTranslator counted{Dialect::gemini, client, "id", false};
        (void)counted.take(gemini_part);
        (void)counted.take(gemini_end);
        (void)counted.take(R"({"usageMetadata":{"totalTokenCount":9}})");
        EXPECT_NO_THROW((void)counted.end());
        EXPECT_EQ(counted.usage().total, 9U);
        EXPECT_EQ(counted.usage().input, 3U) << "what was said before stays";
    }
}

TEST(PartTranslator, LosesNothingOfAnAnswerThatNeverSaysWhyItEnds) {
    const std::string call =
        R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}}]})";
    PartTranslator gemini{Dialect::chat, Dialect::gemini, "id", false};
    const std::vector<Json> parts = said(gemini, {chat_part, call, "[DONE]"});
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[1].at("candidates").at(0).at("content").at("parts").at(0).at("functionCall").at("name"), "f");
    EXPECT_EQ(parts[1].at("candidates").at(0).at("finishReason"), "OTHER");
    PartTranslator chat{Dialect::chat, Dialect::chat, "id", false};
    EXPECT_EQ(said(chat, {chat_part, call, "[DONE]"}), parsed({chat_part, call})) << "as the upstream says it";
    const std::string note = R"({"choices":[{"index":0,"delta":{}}]})";
    PartTranslator ended{Dialect::chat, Dialect::gemini, "id", false};
    EXPECT_EQ(said(ended, {chat_part, chat_end, note, "[DONE]"}).size(), 2U) << "it ends once";
}

TEST(PartTranslator, BoundsTheCandidates) {
    for (const Dialect client : {Dialect::chat, Dialect::gemini}) {
        PartTranslator translator{Dialect::chat, client, "id", false};
        const auto part = [](int index) {
            return R"({"choices":[{"delta":{"content":"x"},"index":)" + std::to_string(index) + "}]}";
        };
        for (int i = 0; i < 1'000; ++i) {
            (void)translator.take(part(i));
        }
        EXPECT_THROW((void)translator.take(part(1'000)), NotUnderstood);
    }
}

std::string reason(Dialect upstream, const std::string& event) {
    std::string why;
    for (const Dialect client : {Dialect::chat, Dialect::gemini}) {
        PartTranslator translator{upstream, client, "id", false};
        try {
            (void)translator.take(event);
            return "nothing is wrong";
        } catch (const BrokenOff& error) {
            why = std::string{"broken off: "} + error.what();
        } catch (const NotUnderstood& error) {
            why = error.what();
        } catch (const JsonError&) {
            why = "no JSON";
        }
    }
    return why;
}

TEST(PartTranslator, KnowsWhatIsNoPart) {
    EXPECT_EQ(reason(Dialect::chat, R"({"error":{"message":"overloaded"}})"), "broken off: overloaded");
    EXPECT_EQ(reason(Dialect::chat, R"({"error":"overloaded"})"), "broken off: overloaded");
    EXPECT_EQ(reason(Dialect::chat, R"({"error":{}})"), "broken off: it does not say why");
    EXPECT_EQ(reason(Dialect::chat, gemini_part), "a part of it is no chunk of a chat completion");
    EXPECT_EQ(reason(Dialect::chat, R"({"choices":null,"usage":{"prompt_tokens":1}})"), "nothing is wrong");
    EXPECT_EQ(reason(Dialect::chat, "[]"), "a part of it is no chunk of a chat completion");
    EXPECT_EQ(reason(Dialect::chat, "{"), "no JSON");
    EXPECT_EQ(reason(Dialect::gemini, R"({"error":{"code":503,"message":"overloaded"}})"), "broken off: overloaded");
    EXPECT_EQ(reason(Dialect::gemini, R"({"error":{"code":503}})"), "broken off: it does not say why");
    EXPECT_EQ(reason(Dialect::gemini, chat_part), "it is no generateContent response");
    EXPECT_EQ(reason(Dialect::gemini, "[DONE]"), "no JSON");
    EXPECT_EQ(reason(Dialect::gemini, "7"), "it is no generateContent response");
}

}  // namespace part_translator_test
