// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_request_reader.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/check.hpp>
#include <gateway/conversation/find_member.hpp>
#include <gateway/dialects/gemini_schema.hpp>

namespace gateway {

namespace {

/// Whether a part is what a model thought on its way to an answer, which it need not be told again.
bool is_thought(const Json& part) {
    const Json* const thought = find_member(part, "thought");
    return thought != nullptr && thought->is_boolean() && thought->get<bool>();
}

class GeminiRequestReader {
  public:
    explicit GeminiRequestReader(const UpstreamForm& upstream) : upstream_{upstream} {}

    Conversation read(const Json& request) {
        constexpr std::string_view names[] = {"contents", "systemInstruction", "generationConfig", "labels",
                                              "tools",    "toolConfig",        "safetySettings"};
        upstream_.only(request, names, "");
        if (const Json* const system = find_member(request, "systemInstruction")) {
            read_content(*system, Role::system, "systemInstruction");
        }
        if (const Json* const contents = find_member(request, "contents");
            contents != nullptr && contents->is_array()) {
            for (std::size_t i = 0; i < contents->size(); ++i) {
                const Json& content = (*contents)[i];
                const bool is_model = text_of(find_member(content, "role")) == "model";
                read_content(content, is_model ? Role::assistant : Role::user, "contents[" + std::to_string(i) + ']');
            }
        }
        if (const Json* const config = find_member(request, "generationConfig")) {
            read_config(*config);
        }
        if (const Json* const tools = find_member(request, "tools"); tools != nullptr) {
            read_tools(*tools);
        }
        if (const Json* const config = find_member(request, "toolConfig")) {
            read_tool_config(*config);
        }
        const Json* const safety = find_member(request, "safetySettings");
        conversation_.safety_settings = safety != nullptr && !safety->empty();
        return std::move(conversation_);
    }

  private:
    static constexpr std::string_view takes = "it takes text, and images as inlineData";

    void read_content(const Json& content, Role role, const std::string& where) {
        constexpr std::string_view names[] = {"role", "parts"};
        upstream_.only(content, names, where + '.');
        Turn turn{role, where, {}};
        if (const Json* const parts = find_member(content, "parts"); parts != nullptr && parts->is_array()) {
            for (std::size_t i = 0; i < parts->size(); ++i) {
                if (const Json& part = (*parts)[i]; !is_thought(part)) {
                    turn.parts.push_back(read_part(part, where + ".parts[" + std::to_string(i) + ']'));
                }
            }
        }
        conversation_.turns.push_back(std::move(turn));
    }

    Part read_part(const Json& part, const std::string& where) {
        constexpr std::string_view kinds[] = {"text", "inlineData", "functionCall", "functionResponse"};
        constexpr std::string_view names[] = {"text",    "inlineData",      "functionCall", "functionResponse",
                                              "thought", "thoughtSignature"};
        if (!part.is_object()) {
            upstream_.refuse(where + ", which is no object", takes);
        }
        upstream_.only(part, names, where + '.', takes);
        std::string_view kind;
        for (const std::string_view name : kinds) {
            if (find_member(part, name) != nullptr) {
                if (!kind.empty()) {
                    upstream_.refuse(where + ", which has " + std::string{kind} + " and " + std::string{name}, takes);
                }
                kind = name;
            }
        }
        if (kind.empty()) {
            upstream_.refuse(where + ", which is empty", takes);
        }
        const Json& value = *find_member(part, kind);
        if (kind == "text") {
            return {TextPart{std::string{text_of(&value)}}};
        }
        std::string place = where + '.' + std::string{kind};
        if (kind == "inlineData") {
            return {DataPart{string_in(value, "mimeType"), string_in(value, "data")}, std::move(place)};
        }
        return kind == "functionCall" ? read_call(value, place) : read_result(value, place);
    }

    Part read_call(const Json& call, const std::string& where) {
        constexpr std::string_view names[] = {"id", "name", "args"};
        upstream_.only(call, names, where + '.');
        const Json* const arguments = find_member(call, "args");
        if (arguments != nullptr && !arguments->is_object()) {
            refuse(where + ".args", *arguments, "an object");
        }
        ToolCall made{string_in(call, "id"), name_of(call, where), arguments != nullptr ? dump(*arguments) : "{}"};
        if (made.id.empty()) {
            made.id = "call_" + std::to_string(calls_);
        }
        ++calls_;
        open_calls_[made.name].push_back(made.id);
        ids_.insert(made.id);
        return {std::move(made), where};
    }

    /// Gemini tells calls apart by their names, where they have no ids.
    Part read_result(const Json& result, const std::string& where) {
        constexpr std::string_view names[] = {"id", "name", "response"};
        upstream_.only(result, names, where + '.');
        const Json* const response = find_member(result, "response");
        ToolResult made{string_in(result, "id"), name_of(result, where), response != nullptr ? dump(*response) : "{}"};
        if (made.id.empty()) {
            made.id = next_open_call(made.name);
        }
        if (ids_.erase(made.id) == 0) {
            refuse(where, "answers no functionCall before it: a response has the name, or the id, of its call");
        }
        return {std::move(made), where};
    }

    /// The id of the first call of that name that is not answered yet; empty: there is none.
    std::string next_open_call(const std::string& name) {
        std::deque<std::string>& ids = open_calls_[name];
        while (!ids.empty()) {
            std::string id = std::move(ids.front());
            ids.pop_front();
            if (ids_.contains(id)) {
                return id;
            }
        }
        return {};
    }

    static std::string name_of(const Json& object, const std::string& where) {
        std::string name = string_in(object, "name");
        if (name.empty()) {
            refuse(where + ".name", "is missing: it must be the function's name");
        }
        return name;
    }

    void read_config(const Json& config) {
        Settings& settings = conversation_.settings;
        const std::array<std::pair<std::string_view, Json*>, 8> numbers{{
            {"temperature", &settings.temperature},
            {"topP", &settings.top_p},
            {"topK", &settings.top_k},
            {"maxOutputTokens", &settings.max_tokens},
            {"candidateCount", &settings.candidates},
            {"seed", &settings.seed},
            {"presencePenalty", &settings.presence_penalty},
            {"frequencyPenalty", &settings.frequency_penalty},
        }};
        constexpr std::string_view names[] = {"temperature",
                                              "topP",
                                              "topK",
                                              "maxOutputTokens",
                                              "candidateCount",
                                              "seed",
                                              "presencePenalty",
                                              "frequencyPenalty",
                                              "stopSequences",
                                              "responseMimeType",
                                              "responseModalities",
                                              "responseSchema",
                                              "responseJsonSchema"};
        upstream_.only(config, names, "generationConfig.");
        for (const auto& [name, number] : numbers) {
            if (const Json* const value = find_member(config, name)) {
                *number = *value;
            }
        }
        if (const Json* const stops = find_member(config, "stopSequences"); stops != nullptr && stops->is_array()) {
            for (const Json& stop : *stops) {
                settings.stops.emplace_back(text_of(&stop));
            }
        }
        const Json* const modalities = find_member(config, "responseModalities");
        if (modalities != nullptr && !modalities->empty() && *modalities != Json::array({"TEXT"})) {
            upstream_.refuse("generationConfig.responseModalities other than [\"TEXT\"]");
        }
        read_format(config);
    }

    void read_format(const Json& config) {
        const std::string_view type = text_of(find_member(config, "responseMimeType"));
        if (type.empty() || type == "text/plain") {
            for (const std::string_view name : {"responseSchema", "responseJsonSchema"}) {
                if (const Json* const schema = find_member(config, name); schema != nullptr && !schema->empty()) {
                    refuse("generationConfig." + std::string{name},
                           "is for responseMimeType \"application/json\", which is to be set with it");
                }
            }
            return;
        }
        const std::string where = "generationConfig.responseMimeType " + quote(type);
        if (type != "application/json") {
            upstream_.refuse(where);
        }
        conversation_.format = ResponseFormat{where, "", nullptr};
        if (const Json* const schema = find_member(config, "responseJsonSchema");
            schema != nullptr && !schema->empty()) {
            conversation_.format->schema = *schema;
        } else if (const Json* const own = find_member(config, "responseSchema"); own != nullptr && !own->empty()) {
            conversation_.format->schema = json_schema_of(*own);
        }
    }

    void read_tools(const Json& tools) {
        if (!tools.is_array()) {
            refuse("tools", tools, R"(an array such as [{"functionDeclarations": [{"name": "..."}]}])");
        }
        constexpr std::string_view kinds[] = {"functionDeclarations"};
        for (std::size_t i = 0; i < tools.size(); ++i) {
            const std::string where = "tools[" + std::to_string(i) + ']';
            upstream_.only(tools[i], kinds, where + '.', "it takes functionDeclarations");
            const Json* const functions = find_member(tools[i], "functionDeclarations");
            for (std::size_t j = 0; functions != nullptr && j < functions->size(); ++j) {
                read_function((*functions)[j], where + ".functionDeclarations[" + std::to_string(j) + ']');
            }
        }
    }

    void read_function(const Json& function, const std::string& where) {
        constexpr std::string_view names[] = {"name", "description", "parameters", "parametersJsonSchema"};
        upstream_.only(function, names, where + '.');
        Tool tool{name_of(function, where), string_in(function, "description"), nullptr};
        if (const Json* const schema = find_member(function, "parametersJsonSchema")) {
            tool.parameters = *schema;
        } else if (const Json* const own = find_member(function, "parameters")) {
            tool.parameters = json_schema_of(*own);
        }
        conversation_.tools.push_back(std::move(tool));
    }

    void read_tool_config(const Json& config) {
        constexpr std::string_view names[] = {"functionCallingConfig"};
        constexpr std::string_view members[] = {"mode", "allowedFunctionNames"};
        upstream_.only(config, names, "toolConfig.");
        const Json* const calling = find_member(config, "functionCallingConfig");
        if (calling == nullptr) {
            return;
        }
        const std::string where = "toolConfig.functionCallingConfig.";
        upstream_.only(*calling, members, where);
        const std::string_view mode = text_of(find_member(*calling, "mode"));
        if (mode.empty() || mode == "AUTO" || mode == "MODE_UNSPECIFIED") {
            conversation_.tool_choice = ToolChoice{};
        } else if (mode == "NONE") {
            conversation_.tool_choice = ToolChoice{ToolChoice::Mode::none};
        } else if (mode == "ANY") {
            conversation_.tool_choice = ToolChoice{ToolChoice::Mode::required};
        } else {
            upstream_.refuse(where + "mode " + quote(mode));
        }
        if (const Json* const allowed = find_member(*calling, "allowedFunctionNames");
            allowed != nullptr && allowed->is_array()) {
            for (const Json& name : *allowed) {
                conversation_.tool_choice->only.emplace_back(text_of(&name));
            }
        }
    }

    const UpstreamForm& upstream_;
    Conversation conversation_;
    std::size_t calls_ = 0;
    std::map<std::string, std::deque<std::string>> open_calls_;  // by name: ids of calls, some of them answered by id
    std::set<std::string> ids_;                                  // of calls that are not answered
};

}  // namespace

Conversation read_gemini_request(const Json& request, const UpstreamForm& upstream) {
    return GeminiRequestReader{upstream}.read(request);
}

}  // namespace gateway
