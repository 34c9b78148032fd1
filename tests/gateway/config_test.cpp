// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/config/config.hpp>
#include <gateway/config/config_options.hpp>

#include "support/temporary_file.hpp"

namespace config_test {

using namespace std::chrono_literals;
using gateway::Config;
using gateway::ConfigError;
using gateway::PrintAndExit;
using gateway::UpstreamKind;
using test::TemporaryFile;
using Arguments = std::vector<std::string>;
using Variables = std::map<std::string, std::string, std::less<>>;

const std::string a_secret = "s3cr3t-0123456789";

std::variant<Config, PrintAndExit> parse(const Arguments& arguments, const Variables& variables = {}) {
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) {
        pointers.push_back(argument.c_str());
    }
    return gateway::parse_config(pointers, [&](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional{found->second};
    });
}

Config config(const Arguments& arguments, const Variables& variables = {}) {
    return std::get<Config>(parse(arguments, variables));
}

std::string printed(const Arguments& arguments, const Variables& variables = {}) {
    return std::get<PrintAndExit>(parse(arguments, variables)).text;
}

std::string error(const Arguments& arguments, const Variables& variables = {}) {
    try {
        (void)parse(arguments, variables);
    } catch (const ConfigError& refused) {
        return refused.what();
    }
    return "no error";
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST(Config, HasItsDefaultsWhenNothingIsSet) { EXPECT_EQ(gateway::to_text(config({})), gateway::to_text(Config{})); }

TEST(Config, ReadsEachKindOfFlag) {
    const Config read = config({"--address",
                                "::",
                                "--port=0",
                                "--body-limit-bytes",
                                "2048",
                                "--request-timeout-seconds",
                                "0.25",
                                "--drain-timeout-seconds",
                                "0",
                                "--on-restart",
                                "fail",
                                "--token-rate",
                                "12.5",
                                "--database",
                                "/var/lib/jobs é.db",
                                "--log-format",
                                "json",
                                "--log-level",
                                "off",
                                "--log-file",
                                "/var/log/gateway.log",
                                "--allowed-hosts",
                                "a.example,B:80",
                                "--access-log",
                                "on",
                                "--min-progress-bytes",
                                "1"});
    EXPECT_EQ(read.address, "::");
    EXPECT_EQ(read.port, 0);
    EXPECT_EQ(read.body_limit, 2048U);
    EXPECT_EQ(read.request_timeout, 250ms);
    EXPECT_EQ(read.drain_timeout, 0ms);
    EXPECT_EQ(read.on_restart, gateway::RestartPolicy::fail);
    EXPECT_EQ(read.token_rate, 12.5);
    EXPECT_EQ(read.database, "/var/lib/jobs é.db");
    EXPECT_EQ(read.log_format, gateway::LogFormat::json);
    EXPECT_EQ(read.log_level, "off");
    EXPECT_EQ(read.log_file, "/var/log/gateway.log");
    EXPECT_EQ(read.allowed_hosts, "a.example,B:80");
    EXPECT_EQ(read.min_progress, 1U);
    EXPECT_FALSE(Config{}.access_log);
    EXPECT_TRUE(read.access_log);
}

TEST(Config, ReadsWhatIsSaidOfSessions) {
    const Config standard = config({});
    EXPECT_EQ(standard.affinity, dispatch::Affinity::preferred);
    EXPECT_TRUE(standard.derive_sessions);
    const Config read = config({"--affinity", "strict", "--prefill-rate", "0.5", "--derive-sessions", "off",
                                "--session-header", "X-Session-Id", "--max-idempotency-keys", "3"});
    EXPECT_EQ(read.affinity, dispatch::Affinity::strict);
    EXPECT_EQ(read.prefill_rate, 0.5);
    EXPECT_FALSE(read.derive_sessions);
    EXPECT_EQ(read.session_header, "X-Session-Id");
    EXPECT_EQ(read.max_idempotency_keys, 3U);
    EXPECT_EQ(error({"--session-header", "Content-length"}),
              "--session-header: \"Content-length\" has a meaning of its own: name another, such as X-Session-Id");
    EXPECT_TRUE(contains(error({"--session-header", "Traceparent"}), "has a meaning of its own"));
    EXPECT_TRUE(contains(error({"--session-header", "a:b"}), "--session-header: \"a:b\" is not"));
}

TEST(Config, TakesAnEmptyValue) {
    EXPECT_EQ(config({"--model=", "--port", "3"}).port, 3);
    EXPECT_EQ(config({"--model", "m", "--project", ""}, {{"GATEWAY_PROJECT", "p"}}).project, "");
}

TEST(Config, FlagsWinOverVariables) {
    const Variables variables{{"GATEWAY_PORT", "81"}, {"GATEWAY_IDLE_TIMEOUT_SECONDS", "5"}, {"GATEWAY_WORKERS", ""}};
    const Config read = config({"--port", "82"}, variables);
    EXPECT_EQ(read.port, 82);
    EXPECT_EQ(read.idle_timeout, 5s);
    EXPECT_EQ(read.workers, Config{}.workers) << "an empty variable is none";
    EXPECT_EQ(config({"--port", "82"}, {{"GATEWAY_PORT", "nonsense"}}).port, 82);
}

TEST(Config, EveryOptionTakesWhatItShows) {
    const Config standard;
    for (const gateway::Option& option : gateway::config_options()) {
        const std::string value = option.show(standard);
        if (option.secret || value.empty()) {
            continue;
        }
        EXPECT_EQ(gateway::to_text(config({option.flag(), value})), gateway::to_text(standard)) << option.name;
        EXPECT_EQ(gateway::to_text(config({}, {{option.variable(), value}})), gateway::to_text(standard))
            << option.name;
    }
}

struct Bad {
    Arguments arguments;
    Variables variables;
    std::string message;
};

TEST(Config, SaysWhatIsWrong) {
    const std::vector<Bad> table{
        {{"--port", "70000"}, {}, R"(--port: "70000" is not a whole number from 0 to 65535)"},
        {{"--port", "-1"}, {}, R"(--port: "-1" is not a whole number from 0 to 65535)"},
        {{"--port", "80 "}, {}, R"(--port: "80 " is not a whole number from 0 to 65535)"},
        {{"--port", "0x50"}, {}, R"(--port: "0x50" is not a whole number from 0 to 65535)"},
        {{"--workers", "99999999999999999999"}, {}, R"("99999999999999999999" is not a whole number from 1 to 4096)"},
        {{}, {{"GATEWAY_PORT", "http"}}, R"(GATEWAY_PORT: "http" is not a whole number from 0 to 65535)"},
        {{"--name", "a\r\nX: y"}, {}, R"(--name: "a\r\nX: y" is not at most 256 letters, digits and - . _)"},
        {{"--allowed-hosts", "http://a/"}, {}, R"(--allowed-hosts: "http://a/" is not at most 4096 letters, digits)"},
        {{"--min-progress-bytes", "0"}, {}, R"(--min-progress-bytes: "0" is not a whole number from 1 to)"},
        {{"--workers", "0"}, {}, R"(--workers: "0" is not a whole number from 1 to 4096)"},
        {{"--workers", "1.5"}, {}, R"("1.5" is not a whole number)"},
        {{"--address", "example.com"}, {}, R"(--address: "example.com" is not an IP address)"},
        {{"--idle-timeout-seconds", "0"}, {}, R"("0" is not a number of seconds from 0.001 to 86400)"},
        {{"--idle-timeout-seconds", "0.0004"}, {}, R"("0.0004" is not a number of seconds from 0.001 to 86400)"},
        {{"--idle-timeout-seconds", "1e300"}, {}, R"("1e300" is not a number of seconds)"},
        {{"--idle-timeout-seconds", "nan"}, {}, R"("nan" is not a number of seconds)"},
        {{"--idle-timeout-seconds", "inf"}, {}, R"("inf" is not a number of seconds)"},
        {{"--idle-timeout-seconds", "10s"}, {}, R"("10s" is not a number of seconds)"},
        {{"--drain-timeout-seconds", "-0.1"}, {}, R"("-0.1" is not a number of seconds from 0 to 86400)"},
        {{"--token-rate", "-1"}, {}, R"(--token-rate: "-1" is not a number from 0 to 1000000)"},
        {{"--token-rate", "nan"}, {}, R"("nan" is not a number from)"},
        {{"--upstream", "vertx"}, {}, R"(--upstream: "vertx" is not one of embedded, vertex, openai)"},
        {{"--log-level", "INFO"}, {}, R"("INFO" is not one of debug, info, warn, error, off)"},
        {{"--log-format", "xml"}, {}, R"("xml" is not one of text, json)"},
        {{"--on-restart", ""}, {}, R"(--on-restart: "" is not one of resume, fail)"},
        {{"--database", "a\nb"}, {}, R"(--database: "a\nb" is not one line of at most 4096 bytes)"},
        {{"--database", ""}, {}, "--database: the name is empty"},
        {{"--project", "a/b"}, {}, R"(--project: "a/b" is not at most 256 letters, digits and - . :)"},
        {{"--location", "evil.example/"},
         {},
         R"(--location: "evil.example/" is not at most 256 letters, digits and -)"},
        {{"--base-url", "ollama"}, {}, R"(--base-url: "ollama" cannot be used)"},
        {{"--base-url", "localhost:11434"}, {}, "begins with neither http:// nor https://"},
        {{"--base-url", "http://h/?q"}, {}, "--base-url: "},
        {{"--upstream", "vertex"}, {}, "--upstream vertex needs --project"},
        {{"--upstream", "vertex", "--project", "p", "--model", "../x"}, {}, R"(--model: "../x" is not a model's name)"},
        {{"--upstream", "openai"}, {}, "--upstream openai needs --base-url"},
        {{"--impersonate", "a@b"}, {}, "--impersonate is for --upstream vertex only"},
        {{"--credentials-file", "key.json"}, {}, "--credentials-file is for --upstream vertex only"},
        {{}, {{"GATEWAY_ACCESS_TOKEN", a_secret}}, "(or GATEWAY_ACCESS_TOKEN) is for --upstream vertex only"},
        {{}, {{"GATEWAY_API_KEY", a_secret}}, "(or GATEWAY_API_KEY) is for --upstream openai only"},
        {{"--backoff-min-seconds", "61"}, {}, "--backoff-min-seconds is more than --backoff-max-seconds"},
        {{"--prot", "80"}, {}, R"(unknown flag "--prot"; did you mean --port?)"},
        {{"--idle-timeout", "80"}, {}, R"(unknown flag "--idle-timeout"; did you mean --idle-timeout-seconds?)"},
        {{"--frobnicate"}, {}, R"(unknown flag "--frobnicate" (--help lists all))"},
        {{"-p", "80"}, {}, R"(unknown flag "-p")"},
        {{"serve"}, {}, R"("serve" is not expected: everything is set by flags)"},
        {{"--port"}, {}, "--port: 1 required NUMBER missing (give each flag once, with one value"},
        {{"--port", "1", "--port", "2"}, {}, "--port: At Most 1 required but received 2"},
        {{"--client-token-file", "/nowhere/token"},
         {},
         R"(--client-token-file: cannot read "/nowhere/token": No such)"},
        {{"--client-token-file", "/"}, {}, R"(--client-token-file: cannot read "/": Is a directory)"},
    };
    for (const Bad& bad : table) {
        const std::string message = error(bad.arguments, bad.variables);
        EXPECT_TRUE(contains(message, bad.message)) << message << "\n  should say: " << bad.message;
    }
}

TEST(Config, QuotesLittleAndNoControlCharacters) {
    const std::string message = error({"--port", "\x1b[2J\xff" + std::string(10'000, 'x')});
    EXPECT_LT(message.size(), 250U);
    EXPECT_FALSE(contains(message, "\x1b"));
    EXPECT_FALSE(contains(message, "\xff"));
}

TEST(Config, NeverShowsASecret) {
    const TemporaryFile file{a_secret + " with a space"};
    const std::vector<std::pair<Arguments, Variables>> bad{
        {{"--client-token", a_secret}, {}},
        {{"--client-token=" + a_secret}, {}},
        {{"--api-key", a_secret}, {}},
        {{"--apikey=" + a_secret}, {}},
        {{"--base-url", "http://user:" + a_secret + "@h"}, {}},
        {{"--client-token-file", file.path()}, {}},
        {{}, {{"GATEWAY_CLIENT_TOKEN", a_secret + "\n"}}},
        {{}, {{"GATEWAY_CLIENT_TOKEN_FILE", file.path()}}},
        {{}, {{"GATEWAY_CLIENT_TOKEN", a_secret}, {"GATEWAY_CLIENT_TOKEN_FILE", file.path()}}},
        {{}, {{"GATEWAY_API_KEY", a_secret}}},
        {{"--upstream", "openai", "--base-url", "http://h"}, {{"OPENAI_API_KEY", a_secret + " "}}},
    };
    for (const auto& [arguments, variables] : bad) {
        const std::string message = error(arguments, variables);
        EXPECT_NE(message, "no error");
        EXPECT_FALSE(contains(message, a_secret)) << message;
    }
    const Variables all{{"GATEWAY_CLIENT_TOKEN", a_secret},
                        {"GATEWAY_UPSTREAM", "vertex"},
                        {"GATEWAY_PROJECT", "p"},
                        {"GATEWAY_ACCESS_TOKEN", a_secret}};
    const std::string shown = printed({"--print-config"}, all);
    EXPECT_FALSE(contains(shown, a_secret)) << shown;
    EXPECT_TRUE(contains(shown, "client-token = (set)\n")) << shown;
    EXPECT_TRUE(contains(shown, "access-token = (set)\n")) << shown;
    EXPECT_TRUE(contains(shown, "api-key = \n")) << shown;
    EXPECT_FALSE(contains(printed({"--help"}, all), a_secret));
}

TEST(Config, SecretsAreNoFlags) {
    EXPECT_EQ(error({"--client-token", a_secret}),
              "--client-token is not a flag, for everybody on the machine can read a command line: set "
              "GATEWAY_CLIENT_TOKEN, or name a file with --client-token-file");
}

TEST(Config, ReadsSecretsFromFilesAndVariables) {
    const TemporaryFile file{a_secret + "\r\n"};
    const TemporaryFile other{"other\n"};
    EXPECT_EQ(config({"--client-token-file", file.path()}).client_token, a_secret);
    EXPECT_EQ(config({}, {{"GATEWAY_CLIENT_TOKEN", a_secret}}).client_token, a_secret);
    EXPECT_EQ(config({}, {{"GATEWAY_CLIENT_TOKEN_FILE", file.path()}}).client_token, a_secret);
    EXPECT_EQ(config({"--client-token-file", file.path()}, {{"GATEWAY_CLIENT_TOKEN", "x"}}).client_token, a_secret);
    EXPECT_EQ(config({"--client-token-file", file.path()}, {{"GATEWAY_CLIENT_TOKEN_FILE", other.path()}}).client_token,
              a_secret);
}

TEST(Config, RefusesAnEmptySecretFile) {
    const TemporaryFile empty{"\n"};
    EXPECT_TRUE(contains(error({"--client-token-file", empty.path()}), "the secret is not 1 to 4096"));
    const TemporaryFile large{std::string(5000, 'x')};
    EXPECT_TRUE(contains(error({"--client-token-file", large.path()}), "the secret is not 1 to 4096"));
}

TEST(Config, HonoursTheVariablesOfOthers) {
    const Variables variables{{"OPENAI_API_KEY", a_secret}, {"GOOGLE_APPLICATION_CREDENTIALS", "key.json"}};
    const Config embedded = config({}, variables);
    EXPECT_EQ(embedded.api_key, "");
    EXPECT_EQ(embedded.credentials_file, "");
    const Config openai = config({"--upstream", "openai", "--base-url", "https://h/v"}, variables);
    EXPECT_EQ(openai.api_key, a_secret);
    EXPECT_EQ(openai.credentials_file, "");
    const Config vertex = config({"--upstream", "vertex", "--project", "p"}, variables);
    EXPECT_EQ(vertex.api_key, "");
    EXPECT_EQ(vertex.credentials_file, "key.json");
    EXPECT_EQ(config({"--upstream", "vertex", "--project", "p", "--credentials-file", "mine.json"}, variables)
                  .credentials_file,
              "mine.json");
}

TEST(Config, HelpExplainsEverything) {
    const std::string help = printed({"--port", "nonsense", "--help"});
    for (const gateway::Option& option : gateway::config_options()) {
        EXPECT_TRUE(contains(help, "\n  " + option.flag() + " " + option.placeholder + "\n")) << option.name;
    }
    for (const char* const part :
         {"\nServer:\n", "\nPool:\n", "\nJobs:\n", "\nUpstream:\n", "\nProcess:\n", "--version", "--print-config",
          "default 8080]", "OPENAI_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "GATEWAY_CLIENT_TOKEN"}) {
        EXPECT_TRUE(contains(help, part)) << part;
    }
    EXPECT_FALSE(contains(help, "--client-token "));
}

TEST(Config, PrintsItsVersion) { EXPECT_TRUE(contains(printed({"--version"}), "dispatch ")); }

TEST(Config, PrintConfigStillRefusesWhatIsBad) {
    EXPECT_TRUE(contains(error({"--print-config", "--port", "x"}), "--port"));
}

TEST(Config, WarnsOfAnOpenDoor) {
    Config exposed;
    EXPECT_TRUE(gateway::warnings(exposed).empty());
    for (const char* const address : {"0.0.0.0", "::", "192.0.2.1"}) {
        exposed.address = address;
        ASSERT_EQ(gateway::warnings(exposed).size(), 1U) << address;
        EXPECT_TRUE(contains(gateway::warnings(exposed).front(), "GATEWAY_CLIENT_TOKEN"));
    }
    exposed.client_token = a_secret;
    EXPECT_TRUE(gateway::warnings(exposed).empty());
    exposed.client_token.clear();
    for (const char* const address : {"127.0.0.1", "127.8.8.8", "::1"}) {
        exposed.address = address;
        EXPECT_TRUE(gateway::warnings(exposed).empty()) << address;
    }
}

TEST(Config, WarnsOfCredentialsInTheClear) {
    Config config;
    config.upstream = UpstreamKind::openai;
    config.base_url = "http://models.example";
    EXPECT_TRUE(gateway::warnings(config).empty()) << "there is nothing to steal";
    config.api_key = a_secret;
    ASSERT_EQ(gateway::warnings(config).size(), 1U);
    EXPECT_FALSE(contains(gateway::warnings(config).front(), a_secret));
    for (const char* const url :
         {"https://models.example", "http://127.0.0.1:8080", "http://[::1]/", "http://localhost"}) {
        config.base_url = url;
        EXPECT_TRUE(gateway::warnings(config).empty()) << url;
    }
}

TEST(ProcessEnvironment, TellsUnsetFromEmpty) {
    ASSERT_EQ(::setenv("GATEWAY_CONFIG_TEST", "", 1), 0);
    EXPECT_EQ(gateway::process_environment("GATEWAY_CONFIG_TEST"), "");
    ASSERT_EQ(::unsetenv("GATEWAY_CONFIG_TEST"), 0);
    EXPECT_EQ(gateway::process_environment("GATEWAY_CONFIG_TEST"), std::nullopt);
}

}  // namespace config_test
