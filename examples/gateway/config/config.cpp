// SPDX-License-Identifier: Apache-2.0
#include <gateway/config/config.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>  // App refers to it
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <sstream>
#include <utility>

#include <dispatch/version.hpp>
#include <gateway/base/quote.hpp>
#include <gateway/base/small_file.hpp>
#include <gateway/config/config_options.hpp>
#include <gateway/http/loopback.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/url.hpp>

namespace gateway {
namespace {

constexpr const char* introduction =
    "Takes generation requests over HTTP, dispatches them over a pool of workers and keeps the results.\n"
    "Without any flag an embedded toy model answers, so that all can be tried without an account.\n"
    "\n"
    "Each flag is also an environment variable: --idle-timeout-seconds is GATEWAY_IDLE_TIMEOUT_SECONDS. The flag\n"
    "wins; an empty variable counts as not set. Secrets are no flags, since everybody on the machine can read a\n"
    "command line: they come from a file (--client-token-file) or from the environment (GATEWAY_CLIENT_TOKEN).\n";

std::string version() {
    return "gateway of dispatch " + std::to_string(DISPATCH_VERSION_MAJOR) + "." +
           std::to_string(DISPATCH_VERSION_MINOR) + "." + std::to_string(DISPATCH_VERSION_PATCH) + "\n";
}

std::string wrap(const std::string& text, std::size_t indent, std::size_t width) {
    std::string result;
    std::size_t column = width;  // the first word starts a line
    std::istringstream words{text};
    for (std::string word; words >> word;) {
        if (column + 1 + word.size() > width) {
            result += (result.empty() ? "" : "\n") + std::string(indent, ' ');
            column = indent;
        } else {
            result += ' ';
            ++column;
        }
        result += word;
        column += word.size();
    }
    return result + "\n";
}

/// Each flag on a line of its own, and below it what it does.
class HelpFormatter : public CLI::Formatter {
  public:
    std::string make_option(const CLI::Option* option, bool /*positional*/) const override {
        std::string line = "  " + option->get_name(false, true);
        if (!option->get_type_name().empty()) {
            line += " " + option->get_type_name();
        }
        return line + "\n" + wrap(option->get_description(), 6, 100);
    }
};

std::string description(const Option& option) {
    const std::string standard = option.show(Config{});
    return option.help + " [" + option.expects + (standard.empty() ? "" : "; default " + standard) + "]";
}

/// How many characters have to be put in, left out or replaced to make b of a.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// "; did you mean --port?", or nothing.
std::string near_match(const std::string& flag) {
    if (flag.size() > 64) {
        return "";
    }
    std::string best;
    std::size_t least = 3;
    for (const Option& option : config_options()) {
        // --idle-timeout lacks its unit only.
        const std::size_t distance = option.flag().starts_with(flag + "-") ? 0 : edit_distance(flag, option.flag());
        if (distance < least) {
            least = distance;
            best = option.flag();
        }
    }
    return best.empty() ? "" : "; did you mean " + best + "?";
}

[[noreturn]] void refuse_argument(const std::string& argument) {
    if (!argument.starts_with("-")) {
        throw ConfigError{quote(argument) + " is not expected: everything is set by flags (see --help)"};
    }
    const std::string flag = argument.substr(0, argument.find('='));  // what follows may be a secret
    for (const Option& option : config_options()) {
        if (option.secret && flag == "--" + option.name) {
            throw ConfigError{flag + " is not a flag, for everybody on the machine can read a command line: set " +
                              option.variable() + ", or name a file with " + option.flag()};
        }
    }
    throw ConfigError{"unknown flag " + quote(flag) + near_match(flag) + " (--help lists all)"};
}

/// What the command line says, by flag.
struct CommandLine {
    std::vector<std::optional<std::string>> values;  ///< in the order of config_options()
    bool print_config = false;
    std::optional<std::string> text;  ///< of --help or --version: nothing else counts
};

/// As CLI11 wants them. It would take what follows "--model=" for the model: an empty value is split off.
std::vector<std::string> reversed(std::span<const char* const> arguments) {
    std::vector<std::string> result;
    for (const char* const text : arguments) {
        std::string argument = text;
        if (argument.starts_with("--") && argument.ends_with("=")) {
            argument.pop_back();
            result.push_back(std::move(argument));
            argument.clear();
        }
        result.push_back(std::move(argument));
    }
    std::ranges::reverse(result);
    return result;
}

CommandLine read_command_line(std::span<const char* const> arguments) {
    CLI::App app{introduction, "gateway"};
    app.formatter(std::make_shared<HelpFormatter>());
    app.allow_extras();  // they are refused below, in words of our own
    app.set_help_flag("");
    std::vector<const CLI::Option*> flags;
    for (const Option& option : config_options()) {
        flags.push_back(app.add_option(option.flag())
                            ->description(description(option))
                            ->group(option.group)
                            ->type_name(option.placeholder)
                            ->expected(1));
    }
    CommandLine line;
    app.add_flag("--print-config", line.print_config, "Print what is set, secrets as \"(set)\", and exit.")
        ->group("Process");
    app.set_version_flag("--version", version(), "Print the version and exit.")->group("Process");
    app.set_help_flag("--help", "Print this and exit.")->group("Process");
    try {
        app.parse(reversed(arguments));
    } catch (const CLI::CallForHelp&) {
        line.text = CLI::detail::find_and_replace(app.help(), "\n\n\n", "\n\n");
        return line;
    } catch (const CLI::CallForVersion&) {
        line.text = version();
        return line;
    } catch (const CLI::ParseError& error) {
        throw ConfigError{std::string{error.what()} + " (give each flag once, with one value: see --help)"};
    }
    if (const std::vector<std::string> extras = app.remaining(); !extras.empty()) {
        refuse_argument(extras.front());
    }
    for (const CLI::Option* flag : flags) {
        line.values.push_back(flag->count() == 0 ? std::nullopt : std::optional{flag->results().front()});
    }
    return line;
}

std::optional<std::string> variable(const Environment& environment, std::string_view name) {
    std::optional<std::string> value = environment(name);
    return value && !value->empty() ? value : std::nullopt;
}

/// origin: the flag or the variable that value is from.
void set(Config& config, const Option& option, const std::string& origin, const std::string& value) {
    bool fits = false;
    try {
        fits = option.set(config, value);
    } catch (const std::invalid_argument& error) {
        throw ConfigError{origin + ": " + error.what()};
    }
    if (!fits) {
        throw ConfigError{origin + ": " + (option.secret ? "the secret" : quote(value)) + " is not " + option.expects};
    }
}

std::string read_secret(const std::string& origin, const std::string& path) {
    std::string text;
    try {
        text = read_small_file(path);
    } catch (const std::runtime_error& error) {
        throw ConfigError{origin + ": " + error.what()};
    }
    // Editors and echo end a file with a line end.
    text.erase(text.find_last_not_of("\r\n") + 1);
    return text;
}

void set_secret(Config& config, const Option& option, const std::optional<std::string>& flag,
                const Environment& environment) {
    const std::string file_variable = option.variable() + "_FILE";
    const std::optional<std::string> value = variable(environment, option.variable());
    const std::optional<std::string> file = variable(environment, file_variable);
    if (flag) {
        set(config, option, option.flag(), read_secret(option.flag(), *flag));
    } else if (value && file) {
        throw ConfigError{option.variable() + " and " + file_variable + " are both set: keep one"};
    } else if (value) {
        set(config, option, option.variable(), *value);
    } else if (file) {
        set(config, option, file_variable, read_secret(file_variable, *file));
    }
}

/// The variables that other tools use for the same things.
void set_well_known(Config& config, const Environment& environment) {
    if (config.upstream == UpstreamKind::openai && config.api_key.empty()) {
        if (const auto key = variable(environment, "OPENAI_API_KEY")) {
            const auto options = config_options();
            set(config, *std::ranges::find(options, std::string{"api-key"}, &Option::name), "OPENAI_API_KEY", *key);
        }
    }
    if (config.upstream == UpstreamKind::vertex && config.credentials_file.empty()) {
        config.credentials_file = variable(environment, "GOOGLE_APPLICATION_CREDENTIALS").value_or("");
    }
}

void require(bool condition, const std::string& why) {
    if (!condition) {
        throw ConfigError{why};
    }
}

void check_together(const Config& config) {
    const bool vertex = config.upstream == UpstreamKind::vertex;
    const bool openai = config.upstream == UpstreamKind::openai;
    require(!vertex || !config.project.empty(), "--upstream vertex needs --project: the Google Cloud project to call");
    require(!vertex || !config.location.empty(), "--upstream vertex needs --location, such as us-central1");
    require(!openai || !config.base_url.empty(),
            "--upstream openai needs --base-url: the server to call, such as http://127.0.0.1:11434");
    require(openai || config.api_key.empty(),
            "--api-key-file (or GATEWAY_API_KEY) is for --upstream openai only: leave it out");
    const auto vertex_only = [&](const std::string& value, const char* name) {
        require(vertex || value.empty(), std::string{name} + " is for --upstream vertex only: leave it out");
    };
    vertex_only(config.access_token, "--access-token-file (or GATEWAY_ACCESS_TOKEN)");
    vertex_only(config.credentials_file, "--credentials-file");
    vertex_only(config.impersonate, "--impersonate");
    // It becomes a part of the URL's path.
    require(!vertex || config.model.find_first_of(" /?#%\\\"") == std::string::npos,
            "--model: " + quote(config.model) + " is not a model's name, such as gemini-2.0-flash-001");
    for (const std::string_view taken : {"authorization", "connection", "content-length", "content-type", "host",
                                         "accept-encoding", "transfer-encoding", "traceparent", "tracestate"}) {
        require(!beast::iequals(config.session_header, {taken.data(), taken.size()}),
                "--session-header: " + quote(config.session_header) +
                    " has a meaning of its own: name another, such as X-Session-Id");
    }
    require(config.backoff_min <= config.backoff_max,
            "--backoff-min-seconds is more than --backoff-max-seconds: make it at most as long");
    require(!config.database.empty(), "--database: the name is empty: give a file, or \":memory:\"");
}

Config read_config(const CommandLine& line, const Environment& environment) {
    Config config;
    const std::span<const Option> options = config_options();
    for (std::size_t i = 0; i < options.size(); ++i) {
        const Option& option = options[i];
        if (option.secret) {
            set_secret(config, option, line.values[i], environment);
        } else if (line.values[i]) {
            set(config, option, option.flag(), *line.values[i]);
        } else if (const auto value = variable(environment, option.variable())) {
            set(config, option, option.variable(), *value);
        }
    }
    set_well_known(config, environment);
    check_together(config);
    return config;
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
    const char* const value = std::getenv(std::string{name}.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

std::variant<Config, PrintAndExit> parse_config(std::span<const char* const> arguments,
                                                const Environment& environment) {
    const CommandLine line = read_command_line(arguments);
    if (line.text) {
        return PrintAndExit{*line.text};
    }
    Config config = read_config(line, environment);
    if (line.print_config) {
        return PrintAndExit{to_text(config)};
    }
    return config;
}

std::vector<std::string> warnings(const Config& config) {
    std::vector<std::string> found;
    if (config.client_token.empty() && !is_loopback(config.address)) {
        found.push_back("whoever reaches " + config.address +
                        " can use the gateway, if it asks for one of --allowed-hosts: set GATEWAY_CLIENT_TOKEN or "
                        "--client-token-file");
    }
    const bool sends_secret = config.upstream == UpstreamKind::vertex || !config.api_key.empty();
    if (sends_secret && !config.base_url.empty()) {
        const Url url = parse_url(config.base_url);
        if (!is_private(url.origin)) {
            found.push_back("credentials are sent in the clear to " + url.origin.host +
                            ": give --base-url with https://");
        }
    }
    return found;
}

std::string to_text(const Config& config) {
    std::string text;
    for (const Option& option : config_options()) {
        text += option.name + " = " + option.show(config) + "\n";
    }
    return text;
}

}  // namespace gateway
