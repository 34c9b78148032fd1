// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_MODEL_OF_UPSTREAM_HPP
#define GATEWAY_TESTS_SUPPORT_MODEL_OF_UPSTREAM_HPP

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gateway/upstream/http_client.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/remote_model.hpp>
#include <gateway/upstream/vertex.hpp>

namespace test {

/// A remote model with the client that it needs. It tells its upstream of sessions in X-Session.
class ModelOfUpstream : public gateway::Model {
  public:
    ModelOfUpstream(const gateway::net::any_io_executor& executor, gateway::HeavyWork& heavy,
                    const gateway::Origin& origin, bool openai, const std::string& ca_file,
                    std::chrono::milliseconds attempt_timeout = std::chrono::seconds{60})
        : client_{executor, client_options(ca_file)},
          model_{make_api(openai), client_, nullptr, heavy, options(origin, attempt_timeout)} {}

    gateway::SharedText prepare(gateway::Dialect dialect, gateway::Delivery delivery, const gateway::Json& request,
                                const gateway::SharedText& text) const override {
        return model_.prepare(dialect, delivery, request, text);
    }
    gateway::net::awaitable<gateway::ModelAnswer> generate(gateway::ModelRequest request,
                                                           gateway::WaitNote& note) override {
        return model_.generate(std::move(request), note);
    }
    gateway::net::awaitable<void> stream(gateway::ModelRequest request, gateway::WaitNote& note,
                                         gateway::PartSink sink) override {
        return model_.stream(std::move(request), note, std::move(sink));
    }

    gateway::UpstreamCounters counters() const { return model_.counters(); }

  private:
    static gateway::HttpClientOptions client_options(const std::string& ca_file) {
        gateway::HttpClientOptions options;
        options.body_limit = 100'000;
        options.ca_file = ca_file;
        return options;
    }

    static gateway::RemoteModelOptions options(const gateway::Origin& origin,
                                               std::chrono::milliseconds attempt_timeout) {
        gateway::RemoteModelOptions options;
        options.origin = origin;
        options.retry.max_attempts = 3;
        options.retry.backoff_min = std::chrono::milliseconds{1};
        options.retry.backoff_max = std::chrono::milliseconds{1'500};
        options.attempt_timeout = attempt_timeout;
        options.session_header = "X-Session";
        return options;
    }

    static std::unique_ptr<gateway::Api> make_api(bool openai) {
        if (openai) {
            return std::make_unique<gateway::OpenAiApi>("", "some-model");
        }
        return std::make_unique<gateway::VertexApi>("", "p", "l", "m");
    }

    gateway::HttpClient client_;
    gateway::RemoteModel model_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_MODEL_OF_UPSTREAM_HPP
