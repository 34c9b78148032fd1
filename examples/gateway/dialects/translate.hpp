// SPDX-License-Identifier: Apache-2.0
// From any dialect, and to any: what the rest of the gateway needs of this room.
#ifndef GATEWAY_DIALECTS_TRANSLATE_HPP
#define GATEWAY_DIALECTS_TRANSLATE_HPP

#include <memory>
#include <string>
#include <string_view>

#include <gateway/conversation/answer.hpp>
#include <gateway/conversation/conversation.hpp>
#include <gateway/conversation/dialect.hpp>
#include <gateway/conversation/upstream_form.hpp>
#include <gateway/dialects/part_writer.hpp>

namespace gateway {

/// Checks that request looks like one in this dialect. Members that are not known here pass. Throws BadRequest.
void check_request(Dialect dialect, const Json& request);

/// What a request that has passed its check asks for. What cannot be said in another dialect is refused in the name of
/// upstream: throws BadRequest.
[[nodiscard]] Conversation read_request(Dialect dialect, const Json& request, const UpstreamForm& upstream);

/// The text of a response. id: of the job that it answers.
[[nodiscard]] std::string write_answer(Dialect dialect, const Answer& answer, std::string_view id);

/// For a response in parts. usage_wanted: a client that is to be told what it has cost has to ask for that (chat).
[[nodiscard]] std::unique_ptr<PartWriter> make_part_writer(Dialect dialect, std::string_view id, bool usage_wanted);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_TRANSLATE_HPP
