// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/credentials.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include <gateway/http/url.hpp>
#include <gateway/upstream/cached_token_source.hpp>
#include <gateway/upstream/impersonation.hpp>
#include <gateway/upstream/metadata_server.hpp>
#include <gateway/upstream/service_account.hpp>
#include <gateway/upstream/static_token.hpp>

namespace gateway {
namespace {

Origin metadata_origin(const Environment& environment) {
    const std::string host = environment("GCE_METADATA_HOST").value_or("");
    if (host.empty()) {
        return MetadataServer::standard_origin();
    }
    try {
        return parse_url("http://" + host).origin;
    } catch (const std::invalid_argument& error) {
        throw ConfigError{std::string{"GCE_METADATA_HOST is not a host or host:port: "} + error.what()};
    }
}

std::unique_ptr<TokenSource> own_tokens(const Config& config, HttpTransport& transport, const Environment& environment,
                                        const net::any_io_executor& executor) {
    if (!config.access_token.empty()) {
        return std::make_unique<StaticToken>(config.access_token);
    }
    std::unique_ptr<TokenFetcher> fetcher;
    if (!config.credentials_file.empty()) {
        fetcher = std::make_unique<ServiceAccount>(transport, read_service_account_key(config.credentials_file));
    } else {
        fetcher = std::make_unique<MetadataServer>(transport, metadata_origin(environment));
    }
    return std::make_unique<CachedTokenSource>(executor, std::move(fetcher));
}

}  // namespace

std::unique_ptr<TokenSource> make_token_source(const Config& config, HttpTransport& transport,
                                               const Environment& environment, const net::any_io_executor& executor) {
    if (config.upstream != UpstreamKind::vertex) {
        return std::make_unique<StaticToken>(config.upstream == UpstreamKind::openai ? config.api_key : "");
    }
    std::unique_ptr<TokenSource> own = own_tokens(config, transport, environment, executor);
    if (config.impersonate.empty()) {
        return own;
    }
    return std::make_unique<CachedTokenSource>(
        executor, std::make_unique<Impersonation>(transport, std::move(own), config.impersonate));
}

}  // namespace gateway
