// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_METADATA_SERVER_HPP
#define GATEWAY_UPSTREAM_METADATA_SERVER_HPP

#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/http_transport.hpp>

namespace gateway {

/// Tokens of the service account that a machine on Google Cloud runs as: it asks a server beside it.
class MetadataServer final : public TokenFetcher {
  public:
    static Origin standard_origin() { return {false, "metadata.google.internal", 80}; }

    explicit MetadataServer(HttpTransport& transport, Origin origin = standard_origin());

    net::awaitable<AccessToken> fetch() override;

  private:
    HttpTransport& transport_;
    Origin origin_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_METADATA_SERVER_HPP
