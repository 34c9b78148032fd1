// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_CREDENTIALS_HPP
#define GATEWAY_UPSTREAM_CREDENTIALS_HPP

#include <memory>

#include <gateway/config/config.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/token_source.hpp>

namespace gateway {

/// The tokens that config asks for. openai: the API key, or none. vertex: the access token, else those of
/// the credentials file, else those of the metadata server (at GCE_METADATA_HOST, if that is set); if
/// config says so, they are used to get those of another service account. embedded: none.
///
/// transport must outlive it. executor: of the context that the callers of token() run in. Throws
/// ConfigError when the credentials file or GCE_METADATA_HOST cannot be used; asks no server yet.
[[nodiscard]] std::unique_ptr<TokenSource> make_token_source(const Config& config, HttpTransport& transport,
                                                             const Environment& environment,
                                                             const net::any_io_executor& executor);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_CREDENTIALS_HPP
