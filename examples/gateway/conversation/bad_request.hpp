// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_BAD_REQUEST_HPP
#define GATEWAY_CONVERSATION_BAD_REQUEST_HPP

#include <stdexcept>

namespace gateway {

/// A request that no model would take. what() says where in it, what is there, and what must be: "contents[0].role is
/// "system": it must be "user" or "model"". It is one line of a few hundred bytes.
class BadRequest : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// One that others may take: what it asks for, this gateway or its upstream cannot do.
class Unsupported : public BadRequest {
  public:
    using BadRequest::BadRequest;
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_BAD_REQUEST_HPP
