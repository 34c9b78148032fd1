// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/conversation/bad_request.hpp>
#include <gateway/dialects/gemini_request_check.hpp>
#include <gateway/upstream/babble.hpp>
#include <gateway/upstream/embedded_model.hpp>

#include "support/run_awaitable.hpp"

namespace embedded_model_test {

namespace net = gateway::net;
using gateway::Json;
using gateway::parse_json;

Json respond_to(const Json& request) {
    gateway::HeavyWork heavy;
    gateway::EmbeddedModel model{0, heavy};
    gateway::WaitNote note;
    return parse_json(test::run_awaitable(model.generate({gateway::dump(request)}, note)).text);
}

/// The response to a prompt of three words with these members besides.
Json respond(const std::string& members) {
    return respond_to(parse_json(R"({"contents":[{"parts":[{"text":"one two\nthree"}]}])" + members + '}'));
}

Json respond_with(const std::string& config) { return respond(R"(,"generationConfig":{)" + config + '}'); }

std::string text_of(const Json& response, std::size_t candidate = 0) {
    return response.at("candidates").at(candidate).at("content").at("parts").at(0).at("text").get<std::string>();
}

std::string reason_of(const Json& response) { return response.at("candidates").at(0).at("finishReason"); }

std::size_t words(const std::string& text) {
    return text.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(text, ' ')) + 1;
}

TEST(EmbeddedModel, AnswersAsVertexDoes) {
    const Json response = respond("");
    EXPECT_EQ(response.at("candidates").size(), 1U);
    EXPECT_EQ(response.at("candidates").at(0).at("content").at("role"), "model");
    EXPECT_EQ(response.at("candidates").at(0).at("index"), 0);
    EXPECT_EQ(response.at("modelVersion"), "embedded");
    const std::size_t tokens = words(text_of(response));
    EXPECT_GT(tokens, 0U);
    EXPECT_LE(tokens, 64U);
    EXPECT_EQ(response.at("usageMetadata"),
              (Json{{"promptTokenCount", 3}, {"candidatesTokenCount", tokens}, {"totalTokenCount", 3 + tokens}}));
}

TEST(EmbeddedModel, SaysTheSameToTheSame) {
    EXPECT_EQ(respond(""), respond(""));
    EXPECT_NE(text_of(respond("")), text_of(respond(R"(,"labels":{"a":"b"})")));
}

TEST(EmbeddedModel, SaysSomethingElseForEachSeed) {
    std::set<std::string> texts;
    for (int seed = 0; seed < 100; ++seed) {
        texts.insert(text_of(respond_with("\"seed\":" + std::to_string(seed))));
    }
    EXPECT_GT(texts.size(), 95U);
}

TEST(EmbeddedModel, EndsAtMaxOutputTokens) {
    for (const std::size_t most : {1U, 2U, 5U, 100U}) {
        for (const char* const name : {"\"maxOutputTokens\":", "\"max_output_tokens\":"}) {
            const Json response = respond_with(name + std::to_string(most));
            EXPECT_GT(words(text_of(response)), most / 2);
            EXPECT_LE(words(text_of(response)), most);
            EXPECT_EQ(response.at("usageMetadata").at("candidatesTokenCount"), words(text_of(response)));
        }
    }
    EXPECT_EQ(words(text_of(respond_with("\"maxOutputTokens\":1"))), 1U);
    const std::size_t longest = words(text_of(respond_with("\"maxOutputTokens\":2147483647")));
    EXPECT_GT(longest, 4'096U);
    EXPECT_LE(longest, 8'192U);
}

TEST(EmbeddedModel, EndsWithASentenceOrWhereItIsCut) {
    std::set<std::string> reasons;
    for (int seed = 0; seed < 100; ++seed) {
        const Json response = respond_with("\"seed\":" + std::to_string(seed));
        reasons.insert(reason_of(response));
        if (reason_of(response) == "STOP") {
            EXPECT_TRUE(text_of(response).ends_with('.'));
        } else {
            EXPECT_EQ(words(text_of(response)), 64U);
        }
    }
    EXPECT_EQ(reasons, (std::set<std::string>{"MAX_TOKENS", "STOP"}));
}

TEST(EmbeddedModel, EndsBeforeAStopSequence) {
    // Across words, within one, and a single character; the second list has the one that comes first last.
    for (const std::string stops : {R"(["e k"])", R"(["he"])", R"(["zzz","ep"," the ","e"])", R"([" "])"}) {
        for (const char* const name : {"\"stopSequences\":", "\"stop_sequences\":"}) {
            const Json response = respond_with("\"maxOutputTokens\":8192," + (name + stops));
            EXPECT_EQ(reason_of(response), "STOP") << stops;
            for (const Json& stop : parse_json(stops)) {
                EXPECT_EQ(text_of(response).find(stop.get<std::string>()), std::string::npos) << stops;
            }
        }
    }
}

TEST(EmbeddedModel, TakesStopSequencesWithoutEnd) {
    Json request =
        parse_json(R"({"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":8192}})");
    for (int i = 0; i < 50'000; ++i) {
        request["generationConfig"]["stopSequences"].push_back(std::to_string(i) + "#");
    }
    EXPECT_GT(words(text_of(respond_to(request))), 4'096U);
    request["generationConfig"]["stopSequences"] = {std::string(1'000'000, 'e')};
    EXPECT_GT(words(text_of(respond_to(request))), 4'096U);
}

TEST(EmbeddedModel, WritesAsManyCandidatesAsItIsAskedFor) {
    for (const char* const name : {"\"candidateCount\":", "\"candidate_count\":"}) {
        const Json response = respond_with(std::string{name} + "8");
        ASSERT_EQ(response.at("candidates").size(), 8U);
        std::set<std::string> texts;
        std::size_t tokens = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            EXPECT_EQ(response.at("candidates").at(i).at("index"), i);
            texts.insert(text_of(response, i));
            tokens += words(text_of(response, i));
        }
        EXPECT_EQ(texts.size(), 8U);
        EXPECT_EQ(response.at("usageMetadata").at("candidatesTokenCount"), tokens);
    }
}

const std::string hi = R"({"contents":[{"parts":[{"text":"hi"}]}]})";

/// What comes of a generation at this rate: when all that is ready has run, and after a cancellation.
std::pair<std::string, std::string> at_rate(double token_rate) {
    gateway::HeavyWork heavy;
    gateway::EmbeddedModel model{token_rate, heavy};
    gateway::WaitNote note;
    net::io_context context;
    net::cancellation_signal cancel;
    std::string outcome = "waits";
    auto ended = [&](const std::exception_ptr& error, const gateway::ModelAnswer&) {
        try {
            outcome = "answered";
            if (error) {
                std::rethrow_exception(error);
            }
        } catch (const boost::system::system_error& thrown) {
            outcome = thrown.code() == net::error::operation_aborted ? "cancelled" : thrown.what();
        }
    };
    net::co_spawn(context, model.generate({hi}, note), net::bind_cancellation_slot(cancel.slot(), ended));
    context.poll();
    std::string before = outcome;
    cancel.emit(net::cancellation_type::terminal);
    context.poll();
    return {before, outcome};
}

TEST(EmbeddedModel, TakesItsTimeUnlessToldNotTo) {
    EXPECT_EQ(at_rate(0).first, "answered");
    EXPECT_EQ(at_rate(0.001).first, "waits");
}

TEST(EmbeddedModel, CancellationEndsIt) { EXPECT_EQ(at_rate(0.001).second, "cancelled"); }

TEST(EmbeddedModel, AnswersAtItsRate) {
    gateway::HeavyWork heavy;
    gateway::EmbeddedModel model{1e6, heavy};
    gateway::WaitNote note;
    EXPECT_EQ(parse_json(test::run_awaitable(model.generate({hi}, note)).text).at("modelVersion"), "embedded");
}

TEST(EmbeddedModel, RefusesWhatItCannotBeGiven) {
    gateway::HeavyWork heavy;
    const gateway::EmbeddedModel model{0, heavy};
    const auto refusal = [&](const std::string& members) -> std::string {
        try {
            (void)model.prepare(gateway::Dialect::gemini, gateway::Delivery::whole,
                                parse_json(R"({"contents":[{"parts":[{"text":"hi"}]}])" + members + '}'), "");
            return "";
        } catch (const gateway::BadRequest& refused) {
            return refused.what();
        }
    };
    EXPECT_EQ(refusal(R"(,"labels":{"a":"b"},"safetySettings":[{"a":"b"}],"tools":[],"system_instruction":
                         {"parts":[{"text":"a","thought":true}]},"generation_config":{"max_output_tokens":1,"seed":2,
                         "topP":0.5,"stopSequences":["a"],"responseMimeType":"text/plain"})"),
              "");
    EXPECT_EQ(refusal(R"(,"tools":[{"functionDeclarations":[{"name":"f"}]}])"),
              "the embedded model cannot be given tools: leave it out");
    EXPECT_EQ(refusal(R"(,"tools":[{"googleSearch":{"a":1}}])"),
              "the embedded model cannot be given \"tools[0].googleSearch\": it takes functionDeclarations");
    EXPECT_EQ(refusal(R"(,"cachedContent":"a")"), "the embedded model cannot be given \"cachedContent\": leave it out");
    EXPECT_EQ(refusal(R"(,"systemInstruction":{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"a"}}]})"),
              "the embedded model cannot be given \"systemInstruction.parts[0].inlineData\": it takes text");
    EXPECT_EQ(refusal(R"(,"generationConfig":{"thinkingConfig":{"a":1}})"),
              "the embedded model cannot be given \"generationConfig.thinkingConfig\": leave it out");
    EXPECT_EQ(
        refusal(R"(,"generationConfig":{"responseMimeType":"application/json"})"),
        "the embedded model cannot be given generationConfig.responseMimeType \"application/json\": leave it out");
}

/// JSON by chance: names that mean something and values that may or may not fit.
class RandomJson {
  public:
    explicit RandomJson(std::uint64_t seed) : chance_{seed} {}

    Json request() {
        Json made = Json::object();
        made["contents"] = list([this] { return content(); });
        sometimes(made, {"systemInstruction", "system_instruction"}, [this] { return content(); });
        sometimes(made, {"generationConfig", "generation_config"}, [this] { return config(); });
        return made;
    }

  private:
    template <typename Make>
    void sometimes(Json& object, const std::vector<const char*>& names, Make make) {
        for (const char* const name : names) {
            if (chance_.below(3) == 0) {
                object[name] = chance_.below(20) == 0 ? anything() : make();
            }
        }
    }

    template <typename Make>
    Json list(Make make) {
        Json made = Json::array();
        for (std::uint64_t i = 1 + chance_.below(3); i > 0; --i) {
            made.push_back(make());
        }
        return made;
    }

    Json content() {
        Json made = Json::object();
        sometimes(made, {"role"}, [this] { return Json(chance_.below(2) == 0 ? "user" : "model"); });
        made["parts"] = list([this] {
            Json part = Json::object();
            part["text"] = chance_.below(50) == 0 ? anything() : text();
            if (chance_.below(50) == 0) {
                sometimes(part, {"inlineData", "inline_data", "new"},
                          [this] { return Json{{"mimeType", text()}, {"data", text()}}; });
            }
            return part;
        });
        return made;
    }

    Json config() {
        Json made = Json::object();
        const auto number = [this] { return Json(1 + chance_.below(10)); };
        sometimes(made, {"maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count", "seed", "topK"},
                  number);
        sometimes(made, {"stopSequences", "stop_sequences"}, [this] { return list([this] { return text(); }); });
        return made;
    }

    Json text() {
        const char* const texts[] = {"a", "the keeper", " ", "\n\t", "\xc3\xa4", "e", "."};
        return texts[chance_.below(std::size(texts))];
    }

    Json anything() {
        const Json values[] = {nullptr,
                               true,
                               0,
                               -1,
                               1.5,
                               18446744073709551615U,
                               "",
                               "text",
                               Json::array(),
                               Json::object(),
                               {1, "a"},
                               {{"parts", 1}, {"text", 2}}};
        return values[chance_.below(std::size(values))];
    }

    gateway::Chance chance_;
};

TEST(EmbeddedModel, AnswersEveryRequestThatPassesTheCheck) {
    gateway::HeavyWork heavy;
    const gateway::EmbeddedModel model{0, heavy};
    RandomJson random{2026};
    int passed = 0;
    for (int i = 0; i < 10'000; ++i) {
        const Json request = random.request();
        try {
            gateway::check_gemini_request(request);
            (void)model.prepare(gateway::Dialect::gemini, gateway::Delivery::whole, request, "");
        } catch (const gateway::BadRequest&) {
            continue;
        }
        ++passed;
        try {
            EXPECT_FALSE(respond_to(request).at("candidates").empty());
        } catch (const std::exception& error) {
            FAIL() << error.what() << ": " << request;
        }
    }
    EXPECT_GT(passed, 3'000);
    EXPECT_LT(passed, 10'000) << "none is wrong: too tame";
}

}  // namespace embedded_model_test
