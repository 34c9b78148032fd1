// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REPLY_HPP
#define GATEWAY_HTTP_REPLY_HPP

#include <memory>
#include <utility>

#include <gateway/http/body_source.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// What a request is answered with: a response, whose body may go on with parts that are not there yet. (Implicit: most
/// have none.)
struct HttpReply {
    HttpReply() = default;
    HttpReply(HttpResponse whole) : response{std::move(whole)} {}  // NOLINT(google-explicit-constructor)
    HttpReply(HttpResponse beginning, std::unique_ptr<BodySource> parts)
        : response{std::move(beginning)}, rest{std::move(parts)} {}

    HttpResponse response;             ///< where there is a rest, its body is the first part, or empty
    std::unique_ptr<BodySource> rest;  ///< null: there is none
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_REPLY_HPP
