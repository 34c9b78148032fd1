// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_UPSTREAM_HPP
#define GATEWAY_UPSTREAM_UPSTREAM_HPP

#include <memory>
#include <string>

#include <gateway/base/heavy_work.hpp>
#include <gateway/config/config.hpp>
#include <gateway/upstream/counters.hpp>
#include <gateway/upstream/http_client.hpp>
#include <gateway/upstream/model.hpp>

namespace gateway {

/// What clients call the model of a configuration: its name, or, if an OpenAI-compatible server takes what it has,
/// "default".
[[nodiscard]] std::string served_model_name(const Config& config);

/// The model that a configuration asks for, with what it needs to reach it.
class Upstream {
  public:
    /// The model's own work is done on executor, whose context must outlive it, as must heavy. Throws ConfigError for a
    /// value that cannot be used, and what reading the certificates of Config::ca_file throws.
    Upstream(const Config& config, const Environment& environment, const net::any_io_executor& executor,
             HeavyWork& heavy);
    ~Upstream();

    [[nodiscard]] Model& model();

    /// Zero for the embedded model. Thread-safe.
    [[nodiscard]] UpstreamCounters counters() const;
    [[nodiscard]] HttpClientMetrics connections() const;

    /// From now on sends the credentials that config and environment have, whose other values it does not look at.
    /// Throws ConfigError, and then goes on with those that it has. Thread-safe.
    void exchange_credentials(const Config& config, const Environment& environment);

    /// Keeps no connection any more. Thread-safe.
    void close();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_UPSTREAM_HPP
