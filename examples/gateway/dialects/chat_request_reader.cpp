// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_request_reader.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/check.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

std::string at(const std::string& where, std::size_t index) { return where + '[' + std::to_string(index) + ']'; }

class ChatRequestReader {
  public:
    explicit ChatRequestReader(const UpstreamForm& upstream) : upstream_{upstream} {}

    Conversation read(const Json& request) {
        check_names(request);
        const Json& messages = *find_member(request, "messages");
        for (std::size_t i = 0; i < messages.size(); ++i) {
            read_message(messages[i], at("messages", i));
        }
        read_settings(request);
        if (const Json* const tools = find_member(request, "tools")) {
            for (std::size_t i = 0; i < tools->size(); ++i) {
                read_tool((*tools)[i], at("tools", i));
            }
        }
        if (const Json* const choice = find_member(request, "tool_choice")) {
            read_tool_choice(*choice);
        }
        if (const Json* const parallel = find_member(request, "parallel_tool_calls");
            parallel != nullptr && parallel->is_boolean()) {
            conversation_.parallel_calls = parallel->get<bool>();
        }
        if (const Json* const format = find_member(request, "response_format")) {
            read_format(*format);
        }
        return std::move(conversation_);
    }

  private:
    static constexpr std::string_view takes = "it takes text, and images as data: URLs";

    void check_names(const Json& request) {
        constexpr std::string_view names[] = {
            "messages", "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "n", "seed",
            "presence_penalty", "frequency_penalty", "stop", "tools", "tool_choice", "parallel_tool_calls",
            "response_format",
            // What says nothing to a model.
            "model", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "metadata",
            "service_tier", "stream", "stream_options", "store", "logprobs", "logit_bias", "modalities"};
        upstream_.only(request, names, "");
        for (const std::string_view name : {"store", "logprobs"}) {
            if (const Json* const value = find_member(request, name); value != nullptr && *value != false) {
                upstream_.refuse(quote(name));
            }
        }
        if (const Json* const bias = find_member(request, "logit_bias"); bias != nullptr && !bias->empty()) {
            upstream_.refuse(quote("logit_bias"));
        }
        const Json* const modalities = find_member(request, "modalities");
        if (modalities != nullptr && !modalities->empty() && *modalities != Json::array({"text"})) {
            upstream_.refuse("modalities other than [\"text\"]");
        }
    }

    void read_message(const Json& message, const std::string& where) {
        const std::string_view role = text_of(find_member(message, "role"));
        if (role == "assistant") {
            read_answer(message, where);
        } else if (role == "tool") {
            read_result(message, where);
        } else if (role == "function") {
            upstream_.refuse(where + ".role \"function\"", "use \"tool\"");
        } else {
            constexpr std::string_view names[] = {"role", "content"};
            upstream_.only(message, names, where + '.');
            Turn turn{role == "user" ? Role::user : Role::system, where, {}};
            read_content(message, turn);
            conversation_.turns.push_back(std::move(turn));
        }
    }

    void read_content(const Json& message, Turn& turn) {
        const Json* const content = find_member(message, "content");
        if (content == nullptr) {
            return;
        }
        if (content->is_string()) {
            turn.parts.push_back({TextPart{content->get<std::string>()}});
            return;
        }
        for (std::size_t i = 0; i < content->size(); ++i) {
            turn.parts.push_back(read_part((*content)[i], at(turn.where + ".content", i)));
        }
    }

    Part read_part(const Json& part, const std::string& where) {
        constexpr std::string_view of_text[] = {"type", "text"};
        constexpr std::string_view of_image[] = {"type", "image_url"};
        const std::string_view type = text_of(find_member(part, "type"));
        if (type == "text") {
            upstream_.only(part, of_text, where + '.', takes);
            return {TextPart{string_in(part, "text")}};
        }
        if (type != "image_url") {
            upstream_.refuse(where + " of type " + quote(type), takes);
        }
        upstream_.only(part, of_image, where + '.', takes);
        const Json* const image = find_member(part, "image_url");
        const std::string_view url = text_of(image == nullptr ? nullptr : find_member(*image, "url"));
        constexpr std::string_view scheme = "data:";
        constexpr std::string_view base64 = ";base64,";
        const std::size_t comma = url.find(base64);
        if (!url.starts_with(scheme) || comma == std::string_view::npos) {
            upstream_.refuse(where + ".image_url.url, which is no data: URL in base64", takes);
        }
        const std::string_view data = url.substr(comma + base64.size());
        check_base64(data, where + ".image_url.url");
        return {DataPart{std::string{url.substr(scheme.size(), comma - scheme.size())}, std::string{data}},
                where + ".image_url"};
    }

    void read_answer(const Json& message, const std::string& where) {
        // What answers have besides these is the model's to say, not to be told.
        constexpr std::string_view names[] = {"role",        "content",           "tool_calls", "refusal",
                                              "annotations", "reasoning_content", "reasoning"};
        upstream_.only(message, names, where + '.');
        Turn turn{Role::assistant, where, {}};
        read_content(message, turn);
        if (const std::string_view refusal = text_of(find_member(message, "refusal")); !refusal.empty()) {
            turn.parts.push_back({TextPart{std::string{refusal}}});
        }
        if (const Json* const calls = find_member(message, "tool_calls")) {
            for (std::size_t i = 0; i < calls->size(); ++i) {
                turn.parts.push_back(read_call((*calls)[i], at(where + ".tool_calls", i)));
            }
        }
        conversation_.turns.push_back(std::move(turn));
    }

    Part read_call(const Json& call, const std::string& where) {
        const Json* const function = find_member(call, "function");
        if (function == nullptr) {
            upstream_.refuse(where + " of type " + quote(text_of(find_member(call, "type"))), "it takes functions");
        }
        ToolCall made{string_in(call, "id"), name_of(*function, where + ".function"), "{}"};
        if (const std::string_view arguments = text_of(find_member(*function, "arguments")); !arguments.empty()) {
            made.arguments = object_in(arguments, where + ".function.arguments");
        }
        names_.insert_or_assign(made.id, made.name);
        return {std::move(made), where};
    }

    static std::string object_in(std::string_view text, const std::string& where) {
        try {
            if (const Json parsed = parse_json(text); parsed.is_object()) {
                return dump(parsed);
            }
        } catch (const JsonError&) {
            // It is no object, either.
        }
        refuse(where, "is not the text of a JSON object");
    }

    void read_result(const Json& message, const std::string& where) {
        constexpr std::string_view names[] = {"role", "content", "tool_call_id", "name"};
        upstream_.only(message, names, where + '.');
        ToolResult made{string_in(message, "tool_call_id"), "", ""};
        const auto call = names_.find(made.id);
        if (call == names_.end()) {
            refuse(where + ".tool_call_id", "is " + quote(made.id) + ": it must be the id of a call before it");
        }
        made.name = call->second;
        Turn turn{Role::user, where, {}};
        read_content(message, turn);
        for (const Part& part : turn.parts) {
            const TextPart* const text = std::get_if<TextPart>(&part.what);
            if (text == nullptr) {
                upstream_.refuse(part.where, "a tool's message takes text");
            }
            made.content += text->text;
        }
        turn.parts.clear();
        turn.parts.push_back({std::move(made), where});
        conversation_.turns.push_back(std::move(turn));
    }

    static std::string name_of(const Json& object, const std::string& where) {
        std::string name = string_in(object, "name");
        if (name.empty()) {
            refuse(where + ".name", "is missing: it must be the function's name");
        }
        return name;
    }

    void read_settings(const Json& request) {
        Settings& settings = conversation_.settings;
        const std::array<std::pair<std::string_view, Json*>, 9> numbers{{
            {"temperature", &settings.temperature},
            {"top_p", &settings.top_p},
            {"top_k", &settings.top_k},
            {"max_tokens", &settings.max_tokens},
            {"max_completion_tokens", &settings.max_tokens},  // the newer name wins
            {"n", &settings.candidates},
            {"seed", &settings.seed},
            {"presence_penalty", &settings.presence_penalty},
            {"frequency_penalty", &settings.frequency_penalty},
        }};
        for (const auto& [name, number] : numbers) {
            if (const Json* const value = find_member(request, name)) {
                *number = *value;
            }
        }
        const Json* const stop = find_member(request, "stop");
        if (stop != nullptr && stop->is_string()) {
            settings.stops.push_back(stop->get<std::string>());
        } else if (stop != nullptr) {
            for (const Json& each : *stop) {
                settings.stops.emplace_back(text_of(&each));
            }
        }
    }

    void read_tool(const Json& tool, const std::string& where) {
        constexpr std::string_view names[] = {"type", "function"};
        constexpr std::string_view members[] = {"name", "description", "parameters", "strict"};
        const Json* const function = find_member(tool, "function");
        if (function == nullptr || text_of(find_member(tool, "type")) != "function") {
            upstream_.refuse(where + " of type " + quote(text_of(find_member(tool, "type"))), "it takes functions");
        }
        upstream_.only(tool, names, where + '.');
        upstream_.only(*function, members, where + ".function.");
        const Json* const parameters = find_member(*function, "parameters");
        conversation_.tools.push_back({name_of(*function, where + ".function"), string_in(*function, "description"),
                                       parameters != nullptr ? *parameters : Json{}});
    }

    void read_tool_choice(const Json& choice) {
        using Mode = ToolChoice::Mode;
        if (choice == "auto") {
            conversation_.tool_choice = ToolChoice{};
        } else if (choice == "none") {
            conversation_.tool_choice = ToolChoice{Mode::none};
        } else if (choice == "required") {
            conversation_.tool_choice = ToolChoice{Mode::required};
        } else if (const Json* const function = find_member(choice, "function")) {
            conversation_.tool_choice = ToolChoice{Mode::required, {name_of(*function, "tool_choice.function")}};
        } else {
            upstream_.refuse("this \"tool_choice\"", R"(it takes "auto", "none", "required", or a function)");
        }
    }

    void read_format(const Json& format) {
        const std::string_view type = text_of(find_member(format, "type"));
        if (type == "text") {
            return;
        }
        ResponseFormat made{"response_format of type " + quote(type), "", nullptr};
        if (type == "json_schema") {
            const Json* const json_schema = find_member(format, "json_schema");
            const Json* const schema = json_schema == nullptr ? nullptr : find_member(*json_schema, "schema");
            if (schema == nullptr || !schema->is_object()) {
                refuse("response_format.json_schema.schema", "is missing: it must be an object");
            }
            made.name = string_in(*json_schema, "name");
            made.schema = *schema;
        } else if (type != "json_object") {
            upstream_.refuse(made.where);
        }
        conversation_.format = std::move(made);
    }

    const UpstreamForm& upstream_;
    Conversation conversation_;
    std::map<std::string, std::string> names_;  // of calls, by id
};

}  // namespace

Conversation read_chat_request(const Json& request, const UpstreamForm& upstream) {
    return ChatRequestReader{upstream}.read(request);
}

}  // namespace gateway
