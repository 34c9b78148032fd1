// SPDX-License-Identifier: Apache-2.0
// What a model is asked, in no API's own words: each dialect is read into it and written from it.
#ifndef GATEWAY_CONVERSATION_CONVERSATION_HPP
#define GATEWAY_CONVERSATION_CONVERSATION_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gateway/base/json.hpp>

namespace gateway {

struct TextPart {
    std::string text;
};

/// An image, or any other data.
struct DataPart {
    std::string type;    ///< "image/png"
    std::string base64;  ///< its bytes
};

/// What the model wants to have called.
struct ToolCall {
    std::string id;  ///< unique in its conversation
    std::string name;
    std::string arguments;  ///< the text of a JSON object
};

/// What came of a call.
struct ToolResult {
    std::string id;  ///< the call's
    std::string name;
    std::string content;  ///< any text; often that of a JSON object
};

struct Part {
    std::variant<TextPart, DataPart, ToolCall, ToolResult> what;
    std::string where = {};  ///< in the request, for errors; of a text: empty
};

enum class Role : std::uint8_t { system, user, assistant };

/// What one side says. Results of tools are the user's.
struct Turn {
    Role role = Role::user;
    std::string where = {};  ///< in the request, for errors: "messages[3]"
    std::vector<Part> parts = {};
};

/// How the model is to speak. A number is as it was in the request; null: it is not said.
struct Settings {
    Json temperature, top_p, top_k, max_tokens, candidates, seed, presence_penalty, frequency_penalty;
    std::vector<std::string> stops;
};

/// A function that the model may have called.
struct Tool {
    std::string name;
    std::string description;
    Json parameters;  ///< JSON Schema; null: there are none
};

struct ToolChoice {
    enum class Mode : std::uint8_t {
        automatic,
        none,
        required,  ///< some function has to be called
    };

    Mode mode = Mode::automatic;
    std::vector<std::string> only = {};  ///< of required: the functions of which it is one; empty: any
};

/// That the answer is to be JSON.
struct ResponseFormat {
    std::string where;  ///< in the request, for errors
    std::string name;   ///< of the schema; may be empty
    Json schema;        ///< JSON Schema; null: any JSON
};

struct Conversation {
    std::vector<Turn> turns;
    Settings settings;
    std::vector<Tool> tools;
    std::optional<ToolChoice> tool_choice;
    std::optional<bool> parallel_calls;  ///< whether an answer may have several calls
    std::optional<ResponseFormat> format;
    bool safety_settings = false;  ///< there are some, which only Gemini knows
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_CONVERSATION_HPP
