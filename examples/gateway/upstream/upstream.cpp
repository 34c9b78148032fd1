// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/upstream.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <gateway/http/url.hpp>
#include <gateway/upstream/credentials.hpp>
#include <gateway/upstream/embedded_model.hpp>
#include <gateway/upstream/exchangeable_token_source.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/remote_model.hpp>
#include <gateway/upstream/vertex.hpp>

namespace gateway {

namespace {

/// An attempt that found no connection would wait for one in its own time: those that are too many wait for their turn.
std::size_t max_under_way(const Config& config) { return std::max<std::size_t>(config.upstream_connections, 1); }

HttpClientOptions client_options(const Config& config) {
    HttpClientOptions options;
    options.max_connections = max_under_way(config);
    // Jobs come and end in bursts: a connection that is closed after one is opened again in the next. Those that are
    // not needed go after their idle time, as the latest are used first.
    options.max_idle = options.max_connections;
    options.ca_file = config.ca_file;
    return options;
}

Url base_url(const Config& config) {
    if (config.base_url.empty()) {
        return {vertex_origin(config.location), ""};
    }
    try {
        return parse_url(config.base_url);
    } catch (const std::invalid_argument& error) {
        throw ConfigError{std::string{"--base-url: "} + error.what()};
    }
}

std::unique_ptr<Api> make_api(const Config& config, const Url& base) {
    if (config.upstream == UpstreamKind::openai) {
        return std::make_unique<OpenAiApi>(base.path, config.model);
    }
    return std::make_unique<VertexApi>(base.path, config.project, config.location, served_model_name(config));
}

}  // namespace

std::string served_model_name(const Config& config) {
    if (!config.model.empty()) {
        return config.model;
    }
    switch (config.upstream) {
        case UpstreamKind::embedded:
            return std::string{embedded_name};
        case UpstreamKind::vertex:
            return std::string{default_vertex_model};
        case UpstreamKind::openai:
            break;
    }
    return "default";
}

struct Upstream::Parts {
    net::any_io_executor executor;
    std::unique_ptr<HttpClient> client;
    ExchangeableTokenSource* tokens = nullptr;  // the remote's
    std::unique_ptr<RemoteModel> remote;
    std::unique_ptr<EmbeddedModel> embedded;
};

Upstream::Upstream(const Config& config, const Environment& environment, const net::any_io_executor& executor,
                   HeavyWork& heavy)
    : parts_{std::make_unique<Parts>()} {
    if (config.upstream == UpstreamKind::embedded) {
        parts_->embedded = std::make_unique<EmbeddedModel>(config.token_rate, heavy);
        return;
    }
    const Url base = base_url(config);
    RemoteModelOptions options;
    options.origin = base.origin;
    options.retry.max_attempts = config.max_attempts;
    options.retry.backoff_min = config.backoff_min;
    options.retry.backoff_max = config.backoff_max;
    options.attempt_timeout = config.attempt_timeout;
    options.max_under_way = max_under_way(config);
    options.session_header = config.session_header;
    parts_->executor = executor;
    parts_->client = std::make_unique<HttpClient>(executor, client_options(config));
    auto tokens =
        std::make_unique<ExchangeableTokenSource>(make_token_source(config, *parts_->client, environment, executor));
    parts_->tokens = tokens.get();
    parts_->remote = std::make_unique<RemoteModel>(make_api(config, base), *parts_->client, std::move(tokens), heavy,
                                                   std::move(options));
}

Upstream::~Upstream() = default;

Model& Upstream::model() {
    if (parts_->remote) {
        return *parts_->remote;
    }
    return *parts_->embedded;
}

UpstreamCounters Upstream::counters() const { return parts_->remote ? parts_->remote->counters() : UpstreamCounters{}; }

HttpClientMetrics Upstream::connections() const {
    return parts_->client ? parts_->client->metrics() : HttpClientMetrics{};
}

void Upstream::exchange_credentials(const Config& config, const Environment& environment) {
    if (parts_->tokens != nullptr) {
        parts_->tokens->exchange(make_token_source(config, *parts_->client, environment, parts_->executor));
    }
}

void Upstream::close() {
    if (parts_->client) {
        parts_->client->close();
    }
}

}  // namespace gateway
