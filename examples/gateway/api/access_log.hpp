// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ACCESS_LOG_HPP
#define GATEWAY_API_ACCESS_LOG_HPP

#include <gateway/http/exchange.hpp>

namespace gateway {

/// Logs a line "access" of a request that has ended: on Level::info, or on Level::debug for a balancer's probe that
/// found all well. What a client sent is bounded; the target's query, which may hold a key, and the session, which may
/// name a person, are left out: of the session there are the first 16 digits of its SHA-256.
void log_access(const HttpExchange& exchange) noexcept;

}  // namespace gateway

#endif  // GATEWAY_API_ACCESS_LOG_HPP
