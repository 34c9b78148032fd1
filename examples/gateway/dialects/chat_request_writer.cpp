// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_request_writer.hpp>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <gateway/base/json_writer.hpp>
#include <gateway/base/quote.hpp>

namespace gateway {

namespace {

class ChatRequestWriter {
  public:
    ChatRequestWriter(const ChatRequestStyle& style, const UpstreamForm& upstream)
        : style_{style}, upstream_{upstream} {}

    std::string write(const Conversation& conversation) {
        if (conversation.safety_settings) {
            upstream_.refuse("\"safetySettings\"");
        }
        json_.begin_object();
        if (!style_.model.empty()) {
            json_.member("model", style_.model);
        }
        json_.key("messages").begin_array();
        for (const Turn& turn : conversation.turns) {
            write_turn(turn);
        }
        json_.end_array();
        write_settings(conversation.settings);
        write_tools(conversation);
        if (conversation.format) {
            write_format(*conversation.format);
        }
        if (style_.delivery == Delivery::in_parts) {
            json_.member("stream", true);
            json_.key("stream_options").begin_object().member("include_usage", true).end_object();
        }
        return json_.end_object().take();
    }

  private:
    /// Results of tools are messages of their own, and come first: they answer the message before.
    void write_turn(const Turn& turn) {
        bool results = false;
        for (const Part& part : turn.parts) {
            if (const ToolResult* const result = std::get_if<ToolResult>(&part.what)) {
                results = true;
                json_.begin_object().member("role", "tool").member("tool_call_id", result->id);
                json_.member("content", result->content).end_object();
            }
        }
        const auto is_content = [](const Part& part) {
            return std::holds_alternative<TextPart>(part.what) || std::holds_alternative<DataPart>(part.what);
        };
        const auto is_call = [](const Part& part) { return std::holds_alternative<ToolCall>(part.what); };
        const bool has_content = std::ranges::any_of(turn.parts, is_content);
        const bool has_calls = std::ranges::any_of(turn.parts, is_call);
        if (results && !has_content && !has_calls) {
            return;
        }
        json_.begin_object();
        json_.member("role", turn.role == Role::system      ? "system"
                             : turn.role == Role::assistant ? "assistant"
                                                            : "user");
        if (has_content || !has_calls) {
            json_.key("content");
            write_content(turn);
        }
        if (has_calls) {
            write_calls(turn);
        }
        json_.end_object();
    }

    /// All parts as one text if they are texts, else as a list.
    void write_content(const Turn& turn) {
        const bool has_data = std::ranges::any_of(
            turn.parts, [](const Part& part) { return std::holds_alternative<DataPart>(part.what); });
        if (!has_data) {
            json_.begin_text();
            for (const Part& part : turn.parts) {
                if (const TextPart* const text = std::get_if<TextPart>(&part.what)) {
                    json_.piece(text->text);
                }
            }
            json_.end_text();
            return;
        }
        json_.begin_array();
        for (const Part& part : turn.parts) {
            if (const TextPart* const text = std::get_if<TextPart>(&part.what)) {
                json_.begin_object().member("type", "text").member("text", text->text).end_object();
            } else if (const DataPart* const data = std::get_if<DataPart>(&part.what)) {
                write_image(*data, part.where);
            }
        }
        json_.end_array();
    }

    void write_image(const DataPart& data, const std::string& where) {
        if (!data.type.starts_with("image/")) {
            upstream_.refuse(where + " of type " + quote(data.type), "it takes text, and images as inlineData");
        }
        json_.begin_object().member("type", "image_url").key("image_url").begin_object().key("url").begin_text();
        json_.piece("data:").piece(data.type).piece(";base64,").piece(data.base64).end_text();
        json_.end_object().end_object();
    }

    void write_calls(const Turn& turn) {
        json_.key("tool_calls").begin_array();
        for (const Part& part : turn.parts) {
            if (const ToolCall* const call = std::get_if<ToolCall>(&part.what)) {
                json_.begin_object().member("id", call->id).member("type", "function").key("function").begin_object();
                json_.member("name", call->name).member("arguments", call->arguments).end_object().end_object();
            }
        }
        json_.end_array();
    }

    void write_settings(const Settings& settings) {
        // OpenAI has no top_k, but the others have; who does not know it says so.
        const std::pair<std::string_view, const Json&> numbers[] = {{"temperature", settings.temperature},
                                                                    {"top_p", settings.top_p},
                                                                    {"top_k", settings.top_k},
                                                                    {style_.token_limit, settings.max_tokens},
                                                                    {"n", settings.candidates},
                                                                    {"seed", settings.seed},
                                                                    {"presence_penalty", settings.presence_penalty},
                                                                    {"frequency_penalty", settings.frequency_penalty}};
        for (const auto& [name, value] : numbers) {
            if (!value.is_null()) {
                json_.member(name, value);
            }
        }
        if (!settings.stops.empty()) {
            json_.key("stop").begin_array();
            for (const std::string& stop : settings.stops) {
                json_.value(stop);
            }
            json_.end_array();
        }
    }

    void write_tools(const Conversation& conversation) {
        const ToolChoice choice = conversation.tool_choice.value_or(ToolChoice{});
        // Of several of which one has to be called, only these are offered: that says the same to all servers.
        const std::set<std::string_view> only{choice.only.begin(), choice.only.end()};
        const auto is_offered = [&](const Tool& tool) {
            return choice.only.size() < 2 || only.contains(std::string_view{tool.name});
        };
        if (std::ranges::any_of(conversation.tools, is_offered)) {
            json_.key("tools").begin_array();
            for (const Tool& tool : conversation.tools) {
                if (is_offered(tool)) {
                    write_tool(tool);
                }
            }
            json_.end_array();
        }
        if (conversation.tool_choice) {
            using Mode = ToolChoice::Mode;
            json_.key("tool_choice");
            if (choice.only.size() == 1) {
                json_.begin_object().member("type", "function").key("function");
                json_.begin_object().member("name", choice.only.front()).end_object().end_object();
            } else {
                json_.value(choice.mode == Mode::none ? "none" : choice.mode == Mode::required ? "required" : "auto");
            }
        }
        if (conversation.parallel_calls) {
            json_.member("parallel_tool_calls", *conversation.parallel_calls);
        }
    }

    void write_tool(const Tool& tool) {
        json_.begin_object().member("type", "function").key("function").begin_object().member("name", tool.name);
        if (!tool.description.empty()) {
            json_.member("description", tool.description);
        }
        if (!tool.parameters.is_null()) {
            json_.member("parameters", tool.parameters);
        }
        json_.end_object().end_object();
    }

    void write_format(const ResponseFormat& format) {
        json_.key("response_format").begin_object();
        if (format.schema.is_null()) {
            json_.member("type", "json_object").end_object();
            return;
        }
        json_.member("type", "json_schema").key("json_schema").begin_object();
        json_.member("name", format.name.empty() ? std::string{"answer"} : format.name);
        json_.member("schema", format.schema).end_object().end_object();
    }

    const ChatRequestStyle& style_;
    const UpstreamForm& upstream_;
    JsonWriter json_;
};

}  // namespace

std::string write_chat_request(const Conversation& conversation, const ChatRequestStyle& style,
                               const UpstreamForm& upstream) {
    return ChatRequestWriter{style, upstream}.write(conversation);
}

}  // namespace gateway
