// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/upstream/metadata_server.hpp>
#include <gateway/upstream/token_error.hpp>

#include "support/run_awaitable.hpp"
#include "support/scripted_transport.hpp"

namespace metadata_server_test {

using namespace std::chrono_literals;
using gateway::MetadataServer;
using gateway::TransportError;
using test::ScriptedTransport;

std::string error_of(ScriptedTransport& transport) {
    MetadataServer server{transport};
    try {
        (void)test::run_awaitable(server.fetch());
    } catch (const gateway::TokenError& error) {
        return error.what();
    }
    return "no error";
}

TEST(MetadataServer, IsAskedAsGoogleWantsIt) {
    ScriptedTransport transport;
    transport.then_answer(200, R"({"access_token":"t","expires_in":300,"token_type":"Bearer"})");
    MetadataServer server{transport};
    const gateway::AccessToken token = test::run_awaitable(server.fetch());
    EXPECT_EQ(token.value, "t");
    EXPECT_EQ(token.lifetime, 300s);

    ASSERT_EQ(transport.sent().size(), 1U);
    const auto& [origin, request, deadline] = transport.sent().front();
    EXPECT_EQ(origin, (gateway::Origin{false, "metadata.google.internal", 80}));
    EXPECT_EQ(request.method(), gateway::http::verb::get);
    EXPECT_EQ(request.target(), "/computeMetadata/v1/instance/service-accounts/default/token");
    EXPECT_EQ(request.at("Metadata-Flavor"), "Google");
}

TEST(MetadataServer, IsElsewhereForSome) {
    ScriptedTransport transport;
    transport.then_answer(200, R"({"access_token":"t","expires_in":300})");
    MetadataServer server{transport, {false, "127.0.0.1", 8081}};
    (void)test::run_awaitable(server.fetch());
    EXPECT_EQ(transport.sent().at(0).origin, (gateway::Origin{false, "127.0.0.1", 8081}));
}

TEST(MetadataServer, SaysWhatToDoWhereThereIsNone) {
    ScriptedTransport transport;
    transport.then_fail(TransportError{TransportError::Stage::connecting, false, "Host not found"});
    EXPECT_EQ(
        error_of(transport),
        "cannot get an access token from metadata.google.internal: Host not found (it is there on Google Cloud only; "
        "elsewhere give --credentials-file)");
    transport.then_answer(404, "");
    EXPECT_EQ(error_of(transport),
              "cannot get an access token from metadata.google.internal: it answers 404 Not Found");
}

}  // namespace metadata_server_test
