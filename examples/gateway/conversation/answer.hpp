// SPDX-License-Identifier: Apache-2.0
// What a model answers, in no API's own words.
#ifndef GATEWAY_CONVERSATION_ANSWER_HPP
#define GATEWAY_CONVERSATION_ANSWER_HPP

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gateway/conversation/conversation.hpp>

namespace gateway {

enum class FinishReason : std::uint8_t {
    stop,      ///< it has said what it had to say, or wants tools to be called
    length,    ///< it had no more tokens
    filtered,  ///< it was blocked, or refused
    other,
};

/// One of the answers to a request.
struct Candidate {
    std::uint64_t index = 0;
    std::string text;
    std::vector<ToolCall> calls;  ///< whose ids may be empty
    bool refused = false;         ///< the text says why the model will not answer
    /// Nothing: it goes on, in the next part of a response.
    std::optional<FinishReason> finish;
};

/// Tokens, as far as the upstream counts them. Output is without thoughts.
struct Usage {
    std::optional<std::uint64_t> input, output, thoughts, cached, total;

    /// Takes over what a later part of an answer says: it counts from the beginning.
    void update(const Usage& later) {
        for (const auto count : {&Usage::input, &Usage::output, &Usage::thoughts, &Usage::cached, &Usage::total}) {
            this->*count = later.*count ? later.*count : this->*count;
        }
    }

    friend bool operator==(const Usage&, const Usage&) = default;
};

/// A response, or a part of one.
struct Answer {
    std::string model;  ///< that answered; empty: not said
    std::vector<Candidate> candidates;
    std::string blocked;  ///< why the request was not answered, where there is no candidate: "SAFETY"
    Usage usage;
};

/// What an upstream said is no answer; what() says why, and quotes little of it.
class NotUnderstood : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// An upstream that had begun to answer says, in the middle, that it cannot go on; what() is its reason.
class BrokenOff : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_ANSWER_HPP
