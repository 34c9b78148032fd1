// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/metadata_server.hpp>

#include <utility>

#include <gateway/upstream/token_endpoint.hpp>

namespace gateway {

MetadataServer::MetadataServer(HttpTransport& transport, Origin origin)
    : transport_{transport}, origin_{std::move(origin)} {}

net::awaitable<AccessToken> MetadataServer::fetch() {
    UpstreamRequest request;
    request.method(http::verb::get);
    request.target("/computeMetadata/v1/instance/service-accounts/default/token");
    request.set("Metadata-Flavor", "Google");
    Json answer;
    try {
        answer = co_await ask_token_endpoint(transport_, origin_, std::move(request));
    } catch (const TokenError& error) {
        if (error.status() != 0 || !error.temporary()) {
            throw;
        }
        // Most often nobody meant to ask it.
        throw TokenError{
            std::string{error.what()} + " (it is there on Google Cloud only; elsewhere give --credentials-file)", true};
    }
    co_return oauth_token(origin_, answer);
}

}  // namespace gateway
