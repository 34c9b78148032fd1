// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_REQUEST_CHECK_HPP
#define GATEWAY_UPSTREAM_REQUEST_CHECK_HPP

#include <stdexcept>

#include <gateway/base/json.hpp>

namespace gateway {

/// A request that no model would take. what() says where in it, what is there, and what must be: "contents[0].role is
/// "system": it must be "user" or "model"". It is one line of a few hundred bytes.
class BadRequest : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Checks that request looks like one of generateContent, so that its sender hears at once what is wrong. Members that
/// are not known here pass: the model may know them. Throws BadRequest.
void check_request(const Json& request);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_REQUEST_CHECK_HPP
