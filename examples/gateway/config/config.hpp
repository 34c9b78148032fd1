// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONFIG_CONFIG_HPP
#define GATEWAY_CONFIG_CONFIG_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <dispatch/options.hpp>
#include <gateway/log/log_format.hpp>

namespace gateway {

enum class UpstreamKind : std::uint8_t { embedded, vertex, openai };
enum class RestartPolicy : std::uint8_t { resume, fail };

/// All that can be set, with its defaults. Durations are whole units of what their flag says.
struct Config {
    // The HTTP server.
    std::string name;  ///< of this gateway among several: sent as X-Gateway, if it is not empty
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0: any free one
    std::size_t max_connections = 1024;
    std::uint32_t header_limit = 16 * 1024;             ///< bytes; past it, 431
    std::uint64_t body_limit = 4 * 1024 * 1024;         ///< bytes; past it, 413
    std::chrono::milliseconds request_timeout{10'000};  ///< for a request to arrive; past it, 408
    std::chrono::milliseconds idle_timeout{60'000};     ///< between two requests of a connection
    std::uint64_t min_progress = 16 * 1024;             ///< bytes that a body moves in each request_timeout
    std::string client_token;                           ///< clients must send it; empty: none needed. A secret
    std::string allowed_hosts;                          ///< without a token: names of this gateway, with commas

    // The pool.
    std::size_t threads = 0;  ///< 0: one for each processor
    std::size_t workers = 4;
    std::size_t concurrency = 64;  ///< generations that a worker runs at a time
    std::size_t queue = 1024;      ///< generations that wait for one worker
    std::chrono::milliseconds session_ttl{30'000};
    std::size_t max_sessions = std::size_t{1} << 20;
    dispatch::Affinity affinity = dispatch::Affinity::preferred;
    double prefill_rate = 5'000;  ///< tokens of a prompt a second, where none are cached; 0: a miss costs nothing
    bool derive_sessions = true;  ///< a request that names no session has one all the same
    std::chrono::milliseconds job_timeout{1'800'000};  ///< queueing, retries and all; past it the job fails

    // The jobs.
    std::string database = "gateway.db";                         ///< ":memory:": nothing survives
    std::size_t max_pending = 10'000;                            ///< jobs accepted and not ended; past it, 503
    std::uint64_t max_pending_bytes = std::uint64_t{256} << 20;  ///< of their requests together; past it, 503
    std::chrono::milliseconds job_ttl{3'600'000};                ///< how long the result of an ended job is kept
    RestartPolicy on_restart = RestartPolicy::resume;
    std::size_t max_idempotency_keys = 100'000;
    std::size_t max_resumes = 3;  ///< of a job, after crashes; then it fails

    // The upstream.
    UpstreamKind upstream = UpstreamKind::embedded;
    std::string base_url;  ///< openai: required; vertex: from the location, if empty
    std::string model;     ///< empty: the upstream's default
    std::string project;   ///< vertex: required
    std::string location = "us-central1";
    std::string api_key;                     ///< openai: sent as the bearer token, if there is one. A secret
    std::string access_token;                ///< vertex: a ready token. A secret
    std::string credentials_file;            ///< vertex: a service account's key file
    std::string impersonate;                 ///< vertex: the service account to act as
    std::size_t upstream_connections = 256;  ///< at a time; no flag: as many as generations run, if it may
    std::string session_header;              ///< in which the upstream gets a request's session; empty: it does not
    std::string ca_file;                     ///< PEM; empty: the system's certificates
    std::chrono::milliseconds attempt_timeout{300'000};
    std::size_t max_attempts = 5;
    std::chrono::milliseconds backoff_min{2'000};
    std::chrono::milliseconds backoff_max{60'000};
    double token_rate = 50;  ///< embedded: tokens a second; 0: all at once

    // The process.
    std::chrono::milliseconds drain_timeout{30'000};  ///< for accepted jobs, at SIGTERM
    std::string log_level = "info";
    LogFormat log_format = LogFormat::text;
    std::string log_file;     ///< empty: stderr
    bool access_log = false;  ///< a line for each request
};

/// A flag or a variable that cannot be used; what() names it, the value (unless it is a secret), and what
/// to write instead.
class ConfigError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// --help, --version or --print-config: print text and end.
struct PrintAndExit {
    std::string text;
};

/// Reads an environment variable; nullopt: not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The process's own.
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

/// Reads the flags (what follows the program's name), then, for what they leave open, the environment; an
/// empty variable counts as not set. Throws ConfigError.
[[nodiscard]] std::variant<Config, PrintAndExit> parse_config(std::span<const char* const> arguments,
                                                              const Environment& environment);

/// What works, but is a danger: sentences for the log.
[[nodiscard]] std::vector<std::string> warnings(const Config& config);

/// "name = value" a line; a secret's value is "(set)".
[[nodiscard]] std::string to_text(const Config& config);

}  // namespace gateway

#endif  // GATEWAY_CONFIG_CONFIG_HPP
