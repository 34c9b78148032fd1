// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_SESSION_HPP
#define GATEWAY_API_SESSION_HPP

#include <string>

#include <gateway/base/json.hpp>
#include <gateway/conversation/dialect.hpp>

namespace gateway {

/// The session to which a request in dialect, which has passed its check, belongs by itself: what it says (OpenAI's
/// prompt_cache_key, else user), else a hash of how its conversation begins, up to the first message of the user, which
/// all its later requests have in common. Printable ASCII of at most 256 characters: what is anything else is hashed.
[[nodiscard]] std::string session_of(Dialect dialect, const Json& request);

}  // namespace gateway

#endif  // GATEWAY_API_SESSION_HPP
