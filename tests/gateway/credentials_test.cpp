// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/upstream/credentials.hpp>

#include "support/scripted_transport.hpp"
#include "support/temporary_file.hpp"
#include "support/test_keys.hpp"

namespace credentials_test {

namespace net = gateway::net;
using gateway::Config;
using gateway::TokenSource;
using gateway::UpstreamKind;

constexpr const char* oauth_answer = R"({"access_token":"fetched","expires_in":3599})";

/// Tokens as config has them, over a scripted transport.
class Credentials : public testing::Test {
  protected:
    Credentials() { config.upstream = UpstreamKind::vertex; }

    std::unique_ptr<TokenSource> make() {
        return gateway::make_token_source(
            config, transport,
            [this](std::string_view name) -> std::optional<std::string> {
                const auto found = variables.find(name);
                return found == variables.end() ? std::nullopt : std::optional{found->second};
            },
            context.get_executor());
    }

    std::string token(TokenSource& source) {
        auto result = net::co_spawn(context, source.token(), net::use_future);
        context.restart();
        context.run();
        return result.get();
    }

    /// The hosts asked so far.
    std::vector<std::string> asked() const {
        std::vector<std::string> hosts;
        for (const auto& sent : transport.sent()) {
            hosts.push_back(sent.origin.host);
        }
        return hosts;
    }

    net::io_context context;
    test::ScriptedTransport transport;
    std::map<std::string, std::string, std::less<>> variables;
    Config config;
};

using Hosts = std::vector<std::string>;

TEST_F(Credentials, OpenaiSendsItsKeyOrNothing) {
    config.upstream = UpstreamKind::openai;
    config.access_token = "not this one";
    EXPECT_EQ(token(*make()), "");
    config.api_key = "key";
    const auto source = make();
    EXPECT_EQ(token(*source), "key");
    source->reject("key");
    EXPECT_EQ(token(*source), "key") << "there is no other";
}

TEST_F(Credentials, EmbeddedSendsNothing) {
    config.upstream = UpstreamKind::embedded;
    config.api_key = "key";
    EXPECT_EQ(token(*make()), "");
}

TEST_F(Credentials, AReadyTokenComesFirst) {
    config.access_token = "ready";
    config.credentials_file = "/nowhere/key.json";
    EXPECT_EQ(token(*make()), "ready");
    EXPECT_EQ(asked(), Hosts{});
}

TEST_F(Credentials, ThenTheCredentialsFile) {
    const test::TemporaryFile file{test::service_account_file(test::rsa_key().pem())};
    config.credentials_file = file.path();
    transport.then_answer(200, oauth_answer);
    const auto source = make();
    EXPECT_EQ(asked(), Hosts{}) << "nobody is asked before a token is needed";
    EXPECT_EQ(token(*source), "fetched");
    EXPECT_EQ(token(*source), "fetched");
    EXPECT_EQ(asked(), Hosts{"oauth2.example"});
}

TEST_F(Credentials, ThenTheMetadataServer) {
    transport.then_answer(200, oauth_answer);
    EXPECT_EQ(token(*make()), "fetched");
    EXPECT_EQ(asked(), Hosts{"metadata.google.internal"});
}

TEST_F(Credentials, TheMetadataServerMayBeElsewhere) {
    variables["GCE_METADATA_HOST"] = "127.0.0.1:8081";
    transport.then_answer(200, oauth_answer);
    EXPECT_EQ(token(*make()), "fetched");
    EXPECT_EQ(transport.sent().at(0).origin, (gateway::Origin{false, "127.0.0.1", 8081}));
    variables["GCE_METADATA_HOST"] = "a b";
    EXPECT_THROW((void)make(), gateway::ConfigError);
}

TEST_F(Credentials, ABadCredentialsFileIsFoundAtOnce) {
    config.credentials_file = "/nowhere/key.json";
    EXPECT_THROW((void)make(), gateway::ConfigError);
}

TEST_F(Credentials, ImpersonationStandsBeforeThem) {
    config.impersonate = "robot@p.iam.gserviceaccount.com";
    transport.then_answer(200, oauth_answer);
    transport.then_answer(200, R"({"accessToken":"robot-1","expireTime":"2261-01-01T00:00:00Z"})");
    const auto source = make();
    EXPECT_EQ(token(*source), "robot-1");
    EXPECT_EQ(token(*source), "robot-1");
    EXPECT_EQ(asked(), (Hosts{"metadata.google.internal", "iamcredentials.googleapis.com"}));
    EXPECT_EQ(transport.sent().at(1).request.at("Authorization"), "Bearer fetched");

    transport.then_answer(200, R"({"accessToken":"robot-2","expireTime":"2261-01-01T00:00:00Z"})");
    source->reject("robot-1");
    EXPECT_EQ(token(*source), "robot-2");
    EXPECT_EQ(asked().size(), 3U) << "its own token is still good";
}

}  // namespace credentials_test
