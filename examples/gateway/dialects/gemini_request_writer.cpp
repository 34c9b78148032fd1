// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_request_writer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <gateway/base/json_writer.hpp>

namespace gateway {

namespace {

void write_text(std::string_view text, JsonWriter& json) { json.begin_object().member("text", text).end_object(); }

/// Gemini wants an object, and calls what else there is its "output".
void write_response(const std::string& content, JsonWriter& json) {
    json.key("response");
    try {
        if (const Json parsed = parse_json(content); parsed.is_object()) {
            json.value(parsed);
            return;
        }
    } catch (const JsonError&) {
        // It is any text.
    }
    json.begin_object().member("output", content).end_object();
}

void write_part(const Part& part, JsonWriter& json) {
    if (const TextPart* const text = std::get_if<TextPart>(&part.what)) {
        write_text(text->text, json);
    } else if (const DataPart* const data = std::get_if<DataPart>(&part.what)) {
        json.begin_object().key("inlineData").begin_object();
        json.member("mimeType", data->type).member("data", data->base64).end_object().end_object();
    } else if (const ToolCall* const call = std::get_if<ToolCall>(&part.what)) {
        json.begin_object().key("functionCall").begin_object().member("name", call->name);
        json.key("args").raw(call->arguments).end_object().end_object();
    } else if (const ToolResult* const result = std::get_if<ToolResult>(&part.what)) {
        json.begin_object().key("functionResponse").begin_object().member("name", result->name);
        write_response(result->content, json);
        json.end_object().end_object();
    }
}

bool has_results_only(const Turn& turn) {
    return !turn.parts.empty() && std::ranges::all_of(turn.parts, [](const Part& part) {
        return std::holds_alternative<ToolResult>(part.what);
    });
}

/// The results of the calls of one answer have to be in one content.
bool goes_on(const Turn& before, const Turn& turn) { return has_results_only(before) && has_results_only(turn); }

void write_contents(std::span<const Turn> turns, const UpstreamForm& upstream, JsonWriter& json) {
    if (turns.empty()) {
        upstream.refuse("a conversation without a message of the user", "add one");
    }
    json.key("contents").begin_array();
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const Turn& turn = turns[i];
        if (turn.role == Role::system) {
            upstream.refuse(turn.where + ", which is of the system and comes after others", "put it first");
        }
        if (i == 0 || !goes_on(turns[i - 1], turn)) {
            json.begin_object().member("role", turn.role == Role::assistant ? "model" : "user");
            json.key("parts").begin_array();
        }
        for (const Part& part : turn.parts) {
            write_part(part, json);
        }
        if (turn.parts.empty()) {
            write_text("", json);
        }
        if (i + 1 == turns.size() || !goes_on(turn, turns[i + 1])) {
            json.end_array().end_object();
        }
    }
    json.end_array();
}

void write_tools(const Conversation& conversation, JsonWriter& json) {
    if (!conversation.tools.empty()) {
        json.key("tools").begin_array().begin_object().key("functionDeclarations").begin_array();
        for (const Tool& tool : conversation.tools) {
            json.begin_object().member("name", tool.name);
            if (!tool.description.empty()) {
                json.member("description", tool.description);
            }
            if (!tool.parameters.is_null()) {
                json.member("parametersJsonSchema", tool.parameters);
            }
            json.end_object();
        }
        json.end_array().end_object().end_array();
    }
    if (const std::optional<ToolChoice>& choice = conversation.tool_choice) {
        using Mode = ToolChoice::Mode;
        json.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
        json.member("mode", choice->mode == Mode::none ? "NONE" : choice->mode == Mode::required ? "ANY" : "AUTO");
        if (!choice->only.empty()) {
            json.key("allowedFunctionNames").begin_array();
            for (const std::string& name : choice->only) {
                json.value(name);
            }
            json.end_array();
        }
        json.end_object().end_object();
    }
}

void write_config(const Conversation& conversation, JsonWriter& json) {
    const Settings& settings = conversation.settings;
    const std::pair<std::string_view, const Json&> numbers[] = {{"temperature", settings.temperature},
                                                                {"topP", settings.top_p},
                                                                {"topK", settings.top_k},
                                                                {"maxOutputTokens", settings.max_tokens},
                                                                {"candidateCount", settings.candidates},
                                                                {"seed", settings.seed},
                                                                {"presencePenalty", settings.presence_penalty},
                                                                {"frequencyPenalty", settings.frequency_penalty}};
    json.key("generationConfig").begin_object();
    for (const auto& [name, value] : numbers) {
        if (!value.is_null()) {
            json.member(name, value);
        }
    }
    if (!settings.stops.empty()) {
        json.key("stopSequences").begin_array();
        for (const std::string& stop : settings.stops) {
            json.value(stop);
        }
        json.end_array();
    }
    if (conversation.format) {
        json.member("responseMimeType", "application/json");
        if (!conversation.format->schema.is_null()) {
            json.member("responseJsonSchema", conversation.format->schema);
        }
    }
    json.end_object();
}

}  // namespace

std::string write_gemini_request(const Conversation& conversation, const UpstreamForm& upstream) {
    if (conversation.parallel_calls == false) {
        upstream.refuse("\"parallel_tool_calls\": false");
    }
    const auto first =
        std::ranges::find_if(conversation.turns, [](const Turn& turn) { return turn.role != Role::system; });
    JsonWriter json;
    json.begin_object();
    if (first != conversation.turns.begin()) {
        json.key("systemInstruction").begin_object().key("parts").begin_array();
        for (auto turn = conversation.turns.begin(); turn != first; ++turn) {
            for (const Part& part : turn->parts) {
                write_part(part, json);
            }
        }
        json.end_array().end_object();
    }
    write_contents({first, conversation.turns.end()}, upstream, json);
    write_tools(conversation, json);
    write_config(conversation, json);
    return json.end_object().take();
}

}  // namespace gateway
