// SPDX-License-Identifier: Apache-2.0
#include <gateway/config/config_options.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include <gateway/base/json.hpp>
#include <gateway/base/net.hpp>
#include <gateway/http/url.hpp>
#include <gateway/log/log.hpp>

namespace gateway {
namespace {

constexpr std::uint64_t million = 1'000'000;
constexpr std::size_t longest_text = 4096;

template <typename Number>
std::optional<Number> read_number(std::string_view text) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return number;
}

/// As short as can be, as numbers are in JSON: 0.5, 30.
std::string write_number(double number) {
    const double whole = std::round(number);
    return whole == number ? std::to_string(static_cast<std::int64_t>(whole)) : Json(number).dump();
}

template <typename Number>
Option number(std::string name, std::string placeholder, Number Config::* field, std::uint64_t least,
              std::uint64_t most, std::string help) {
    Option option;
    option.name = std::move(name);
    option.placeholder = std::move(placeholder);
    option.help = std::move(help);
    option.expects = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    option.set = [=](Config& config, std::string_view text) {
        const auto value = read_number<std::uint64_t>(text);
        if (!value || *value < least || *value > most) {
            return false;
        }
        config.*field = static_cast<Number>(*value);
        return true;
    };
    option.show = [=](const Config& config) { return std::to_string(config.*field); };
    return option;
}

Option decimal(std::string name, std::string placeholder, double Config::* field, double least, double most,
               std::string help) {
    Option option;
    option.name = std::move(name);
    option.placeholder = std::move(placeholder);
    option.help = std::move(help);
    option.expects = "a number from " + write_number(least) + " to " + write_number(most);
    option.set = [=](Config& config, std::string_view text) {
        const auto value = read_number<double>(text);
        if (!value || !(*value >= least && *value <= most)) {  // NaN is neither
            return false;
        }
        config.*field = *value;
        return true;
    };
    option.show = [=](const Config& config) { return write_number(config.*field); };
    return option;
}

constexpr std::chrono::milliseconds shortest_time{1};
constexpr std::chrono::milliseconds one_hour{3'600'000};
constexpr std::chrono::milliseconds one_day = 24 * one_hour;
constexpr std::chrono::milliseconds one_year = 365 * one_day;

/// Fractions are rounded to the millisecond.
Option seconds(std::string name, std::chrono::milliseconds Config::* field, std::chrono::milliseconds least,
               std::chrono::milliseconds most, std::string help) {
    const auto write = [](std::chrono::milliseconds time) {
        return write_number(static_cast<double>(time.count()) / 1000);
    };
    Option option;
    option.name = std::move(name) + "-seconds";
    option.placeholder = "SECONDS";
    option.help = std::move(help);
    option.expects = "a number of seconds from " + write(least) + " to " + write(most);
    option.set = [=](Config& config, std::string_view text) {
        const auto value = read_number<double>(text);
        // Before the conversion, which is defined only for what the type can hold.
        if (!value || !(*value >= 0 && *value <= static_cast<double>(most.count()) / 1000)) {
            return false;
        }
        const std::chrono::milliseconds rounded{std::llround(*value * 1000)};
        if (rounded < least) {
            return false;
        }
        config.*field = rounded;
        return true;
    };
    option.show = [=](const Config& config) { return write(config.*field); };
    return option;
}

bool is_line(std::string_view text) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    return text.size() <= longest_text && std::ranges::none_of(text, control);
}

Option text(std::string name, std::string placeholder, std::string Config::* field, std::string help) {
    Option option;
    option.name = std::move(name);
    option.placeholder = std::move(placeholder);
    option.help = std::move(help);
    option.expects = "one line of at most " + std::to_string(longest_text) + " bytes";
    option.set = [=](Config& config, std::string_view value) {
        if (!is_line(value)) {
            return false;
        }
        config.*field = value;
        return true;
    };
    option.show = [=](const Config& config) { return config.*field; };
    return option;
}

/// Text that stands for itself in a URL or a host name, so that it cannot turn either into another.
Option word(std::string name, std::string placeholder, std::string Config::* field, std::string_view marks,
            std::string help, std::size_t longest = 256) {
    Option option = text(std::move(name), std::move(placeholder), field, std::move(help));
    option.expects = "at most " + std::to_string(longest) + " letters, digits and";
    for (const char mark : marks) {
        option.expects += {' ', mark};
    }
    option.set = [=](Config& config, std::string_view value) {
        const auto fits = [=](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   marks.find(c) != std::string_view::npos;
        };
        if (value.size() > longest || !std::ranges::all_of(value, fits)) {
            return false;
        }
        config.*field = value;
        return true;
    };
    return option;
}

template <typename Value>
Option choice(std::string name, Value Config::* field, std::vector<std::pair<std::string, Value>> choices,
              std::string help) {
    Option option;
    option.name = std::move(name);
    option.help = std::move(help);
    option.placeholder = "NAME";
    for (const auto& [word, value] : choices) {
        option.expects += (option.expects.empty() ? "one of " : ", ") + word;
    }
    option.set = [=](Config& config, std::string_view text) {
        const auto found = std::ranges::find(choices, text, &std::pair<std::string, Value>::first);
        if (found == choices.end()) {
            return false;
        }
        config.*field = found->second;
        return true;
    };
    option.show = [=](const Config& config) {
        return std::ranges::find(choices, config.*field, &std::pair<std::string, Value>::second)->first;
    };
    return option;
}

Option secret(std::string name, std::string Config::* field, std::string help) {
    Option option;
    option.secret = true;
    option.name = std::move(name);
    option.placeholder = "FILE";
    option.help = std::move(help) + " A secret: kept in FILE, or given as " + option.variable() + ".";
    option.expects = "1 to " + std::to_string(longest_text) + " printable ASCII characters without spaces";
    option.set = [=](Config& config, std::string_view value) {
        // What a header can carry.
        const auto fits = [](char c) { return c > ' ' && c <= '~'; };
        if (value.empty() || value.size() > longest_text || !std::ranges::all_of(value, fits)) {
            return false;
        }
        config.*field = value;
        return true;
    };
    option.show = [=](const Config& config) { return (config.*field).empty() ? "" : "(set)"; };
    return option;
}

Option address() {
    Option option = text("address", "IP", &Config::address,
                         "The address to listen on. Clients of other machines reach 0.0.0.0 or ::; give them a token.");
    option.expects = "an IP address";
    option.set = [](Config& config, std::string_view value) {
        error_code error;
        (void)net::ip::make_address(std::string{value}, error);
        if (error || !is_line(value)) {
            return false;
        }
        config.address = value;
        return true;
    };
    return option;
}

Option base_url() {
    Option option = text(
        "base-url", "URL", &Config::base_url,
        "The server to call. openai: required; what stands before /chat/completions (without a path: /v1). vertex: by "
        "default that of the location.");
    option.expects = "an http:// or https:// URL";
    option.set = [](Config& config, std::string_view value) {
        if (!is_line(value)) {
            return false;
        }
        (void)parse_url(value);
        config.base_url = value;
        return true;
    };
    return option;
}

std::vector<Option> server_options() {
    return {
        word("name", "NAME", &Config::name, "-._",
             "What this gateway calls itself in X-Gateway, if there are several."),
        address(),
        number("port", "NUMBER", &Config::port, 0, 65'535, "The port to listen on; 0: any free one."),
        number("max-connections", "NUMBER", &Config::max_connections, 1, million, "Clients connected at a time."),
        number("header-limit-bytes", "BYTES", &Config::header_limit, 1024, 1024 * 1024,
               "The size of a request's header; past it, 431."),
        number("body-limit-bytes", "BYTES", &Config::body_limit, 1024, 256 * 1024 * 1024,
               "The size of a request's body; past it, 413."),
        seconds("request-timeout", &Config::request_timeout, shortest_time, one_hour,
                "How long a request's header may take to arrive; past it, 408."),
        number("min-progress-bytes", "BYTES", &Config::min_progress, 1, million * million,
               "What of a body has to arrive, and of a response to be taken, in each --request-timeout-seconds."),
        seconds("idle-timeout", &Config::idle_timeout, shortest_time, one_day,
                "How long a connection may wait for its next request."),
        secret("client-token", &Config::client_token, "What clients must send as bearer token; none: they need none."),
        word("allowed-hosts", "NAMES", &Config::allowed_hosts, "-.:,",
             "Without a client token: names under which clients reach the gateway, with commas between them, besides "
             "--address and those of this machine (localhost, 127.0.0.1, ::1); one with a port stands for that port "
             "alone. A request with another Host or Origin is 403: a web page may have sent it.",
             longest_text),
    };
}

std::vector<Option> pool_options() {
    return {
        number("threads", "NUMBER", &Config::threads, 0, 1024, "Threads that run it all; 0: one for each processor."),
        number("workers", "NUMBER", &Config::workers, 1, 4096, "Workers in the pool."),
        number("concurrency", "NUMBER", &Config::concurrency, 1, million, "Generations that a worker runs at a time."),
        number("queue", "NUMBER", &Config::queue, 1, million, "Generations that wait for one worker."),
        seconds("session-ttl", &Config::session_ttl, std::chrono::milliseconds{0}, one_year,
                "How long a session stays on its worker; 0: it does not."),
        number("max-sessions", "NUMBER", &Config::max_sessions, 1, std::uint64_t{1} << 31U,
               "Sessions remembered at a time; then the one nearest its end makes room."),
        choice("affinity", &Config::affinity,
               {{"preferred", dispatch::Affinity::preferred}, {"strict", dispatch::Affinity::strict}},
               "Whether a session's job waits for its worker as long as that is worth it, or however long it takes."),
        decimal("prefill-rate", "NUMBER", &Config::prefill_rate, 0, 1000.0 * million,
                "Tokens of a prompt that the upstream reads in a second if none are cached: what a job that runs on "
                "another worker loses, and therefore waits for its own at most (with --affinity preferred). A token "
                "counts as four bytes; 0: it does not wait."),
        choice("derive-sessions", &Config::derive_sessions, {{"on", true}, {"off", false}},
               "Whether a request without X-Session-Id belongs to the session that its body tells of: OpenAI's "
               "prompt_cache_key or user, else its first messages."),
        seconds("job-timeout", &Config::job_timeout, shortest_time, one_year,
                "How long a job may take, queueing and retries and all; past it, it fails."),
    };
}

std::vector<Option> job_options() {
    return {
        text("database", "FILE", &Config::database,
             "Where jobs are kept (SQLite); \":memory:\": nowhere, none survives the process."),
        number("max-pending", "NUMBER", &Config::max_pending, 1, 10 * million,
               "Jobs accepted and not ended; past it, 503."),
        number("max-pending-bytes", "BYTES", &Config::max_pending_bytes, 1, std::uint64_t{1} << 40U,
               "Bytes of their requests together, with 4096 for each, and of bodies that arrive; past it, 503."),
        seconds("job-ttl", &Config::job_ttl, shortest_time, one_year, "How long the result of an ended job is kept."),
        number("max-idempotency-keys", "NUMBER", &Config::max_idempotency_keys, 1, 100 * million,
               "Idempotency keys remembered, each as long as its job is kept; then the oldest is forgotten."),
        choice("on-restart", &Config::on_restart, {{"resume", RestartPolicy::resume}, {"fail", RestartPolicy::fail}},
               "What becomes of the jobs that had not ended when the process did."),
        number("max-resumes", "NUMBER", &Config::max_resumes, 0, million,
               "How often a job is resumed after a crash; then it fails, as it may be the cause. An orderly end is no "
               "crash."),
    };
}

std::vector<Option> upstream_options() {
    return {
        choice(
            "upstream", &Config::upstream,
            {{"embedded", UpstreamKind::embedded}, {"vertex", UpstreamKind::vertex}, {"openai", UpstreamKind::openai}},
            "What generates: a toy inside this process, Vertex AI, or any server with OpenAI's API."),
        base_url(),
        text("model", "NAME", &Config::model, "The model to ask for; by default the upstream's."),
        word("project", "ID", &Config::project, "-.:", "vertex: the Google Cloud project. Required."),
        word("location", "NAME", &Config::location, "-", "vertex: the region."),
        secret("api-key", &Config::api_key, "openai: sent as bearer token. Or as OPENAI_API_KEY."),
        secret("access-token", &Config::access_token,
               "vertex: a ready access token, for trying things: it is not renewed. Without it and without a "
               "credentials file, tokens come from the metadata server."),
        text("credentials-file", "FILE", &Config::credentials_file,
             "vertex: a service account's key (JSON). By default what GOOGLE_APPLICATION_CREDENTIALS says."),
        word("impersonate", "EMAIL", &Config::impersonate, "-._@", "vertex: the service account to act as."),
        word("session-header", "NAME", &Config::session_header, "-",
             "The header in which the upstream is told of a request's session, such as X-Session-Id; by "
             "default it is not told."),
        text("ca-file", "FILE", &Config::ca_file,
             "Certificates (PEM) to check upstreams with; by default the system's."),
        seconds("attempt-timeout", &Config::attempt_timeout, shortest_time, one_day, "How long one attempt may take."),
        number("max-attempts", "NUMBER", &Config::max_attempts, 1, 100,
               "Attempts of a generation, with the first. Being told to wait (429) is none."),
        seconds("backoff-min", &Config::backoff_min, std::chrono::milliseconds{0}, one_hour,
                "The wait before the second attempt; it doubles."),
        seconds("backoff-max", &Config::backoff_max, std::chrono::milliseconds{0}, one_hour,
                "The longest wait between two attempts. After a 429 that names no time, at most 10 s."),
        decimal("token-rate", "NUMBER", &Config::token_rate, 0, million, "embedded: tokens a second; 0: all at once."),
    };
}

std::vector<Option> process_options() {
    std::vector<std::pair<std::string, std::string>> levels;
    for (const std::string_view name : log::level_names) {
        levels.emplace_back(name, name);
    }
    return {
        seconds("drain-timeout", &Config::drain_timeout, std::chrono::milliseconds{0}, one_day,
                "How long accepted jobs may go on after SIGTERM."),
        choice("log-level", &Config::log_level, levels, "The least of what is logged."),
        choice("log-format", &Config::log_format, {{"text", LogFormat::text}, {"json", LogFormat::json}},
               "Lines of key=value, or of JSON."),
        text(
            "log-file", "FILE", &Config::log_file,
            "Where the log is kept; by default it goes to stderr. SIGHUP opens it anew, so that it can be moved away."),
        choice(
            "access-log", &Config::access_log, {{"off", false}, {"on", true}},
            "Whether each request is logged when its response has been sent, on the level info; probes that find all "
            "well are, on the level debug."),
    };
}

}  // namespace

std::string Option::flag() const { return "--" + name + (secret ? "-file" : ""); }

std::string Option::variable() const {
    std::string variable = "GATEWAY_" + name;
    for (char& c : variable) {
        c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return variable;
}

std::span<const Option> config_options() {
    static const std::vector<Option> all = [] {
        std::vector<Option> made;
        const auto add = [&](const std::string& group, std::vector<Option> options) {
            for (Option& option : options) {
                option.group = group;
                made.push_back(std::move(option));
            }
        };
        add("Server", server_options());
        add("Pool", pool_options());
        add("Jobs", job_options());
        add("Upstream", upstream_options());
        add("Process", process_options());
        return made;
    }();
    return all;
}

}  // namespace gateway
