// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <gateway/config/config.hpp>
#include <gateway/upstream/service_account.hpp>
#include <gateway/upstream/token_error.hpp>

#include "support/run_awaitable.hpp"
#include "support/scripted_transport.hpp"
#include "support/temporary_file.hpp"
#include "support/test_keys.hpp"

namespace service_account_test {

using namespace std::chrono_literals;
using gateway::ConfigError;
using gateway::Json;
using gateway::parse_service_account_key;
using gateway::ServiceAccount;
using test::rsa_key;
using test::ScriptedTransport;
using test::service_account_file;

constexpr std::chrono::system_clock::time_point now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 999ms;

/// A valid key file with one member replaced, or removed if value is null.
std::string with(const char* member, const Json& value) {
    Json file = Json::parse(service_account_file(rsa_key().pem()));
    file.erase(member);
    if (!value.is_null()) {
        file[member] = value;
    }
    return gateway::dump(file);
}

std::string refusal(std::string_view text) {
    try {
        (void)parse_service_account_key(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "none";
}

std::string file_refusal(const std::string& path) {
    try {
        (void)gateway::read_service_account_key(path);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "none";
}

TEST(ServiceAccountKey, IsRead) {
    const auto key = parse_service_account_key(service_account_file(rsa_key().pem()));
    EXPECT_EQ(key.email, "robot@p.iam.gserviceaccount.com");
    EXPECT_EQ(key.key_id, "key-1");
    EXPECT_EQ(key.token_uri, "https://oauth2.example/token");
    EXPECT_EQ(key.token_url.origin.host, "oauth2.example");
    EXPECT_TRUE(rsa_key().verifies("text", key.key.sign("text")));
}

TEST(ServiceAccountKey, NeedsNeitherKeyIdNorTokenUri) {
    EXPECT_EQ(parse_service_account_key(with("private_key_id", nullptr)).key_id, "");
    EXPECT_EQ(parse_service_account_key(with("token_uri", nullptr)).token_uri, "https://oauth2.googleapis.com/token");
}

TEST(ServiceAccountKey, SaysWhatIsWrong) {
    EXPECT_EQ(refusal(""), "it is not JSON");
    EXPECT_EQ(refusal("[]"), "it is not a JSON object");
    EXPECT_EQ(refusal("{}"), "it has no \"type\"");
    EXPECT_EQ(
        refusal(with("type", "authorized_user")),
        "it is of the type \"authorized_user\": only a key of a service account (\"service_account\") can be used");
    EXPECT_EQ(refusal(with("client_email", nullptr)), "it has no \"client_email\"");
    EXPECT_EQ(refusal(with("client_email", 1)), "it has no \"client_email\"");
    EXPECT_EQ(refusal(with("private_key", "")), "it has no \"private_key\"");
    EXPECT_EQ(refusal(with("private_key", "x")),
              "its \"private_key\": it is not a private key in PEM without a passphrase");
    EXPECT_TRUE(refusal(with("token_uri", "ftp://h")).starts_with("its \"token_uri\": "));
    EXPECT_EQ(refusal(with("token_uri", "http://h/token")),
              "its \"token_uri\": \"http://h/token\" is not an https:// URL");
    EXPECT_EQ(refusal(with("token_uri", "http://127.0.0.1:1/token")), "none");
}

TEST(ServiceAccountKey, IsInNoError) {
    const std::string pem = rsa_key().pem();
    const std::string whole = service_account_file(pem);
    const std::size_t key = whole.find("BEGIN");
    ASSERT_NE(key, std::string::npos);
    // The text cut at every place in and around the key, and the key itself, damaged.
    for (std::size_t end = 0; end <= whole.size(); end += 7) {
        const std::string message = refusal(whole.substr(0, end));
        EXPECT_EQ(message, "it is not JSON") << end;
    }
    for (std::size_t end = 0; end < pem.size() - 30; end += 101) {
        const std::string message = refusal(with("private_key", pem.substr(0, end)));
        EXPECT_EQ(message.find("MII"), std::string::npos) << message;
        EXPECT_LT(message.size(), 100U);
    }
    EXPECT_EQ(refusal(pem), "it is not JSON");
}

TEST(ServiceAccountKey, NamesTheFile) {
    EXPECT_EQ(file_refusal("/nowhere/key.json"),
              "the credentials file: cannot read \"/nowhere/key.json\": No such file or directory");
    const test::TemporaryFile pem{rsa_key().pem()};
    EXPECT_EQ(file_refusal(pem.path()), "the credentials file \"" + pem.path() + "\" cannot be used: it is not JSON");
    const test::TemporaryFile good{service_account_file(rsa_key().pem())};
    EXPECT_EQ(gateway::read_service_account_key(good.path()).key_id, "key-1");
}

TEST(ServiceAccount, ClaimsToBeTheAccountForAnHour) {
    const Json claims =
        gateway::service_account_claims(parse_service_account_key(service_account_file(rsa_key().pem())), now);
    EXPECT_EQ(gateway::dump(claims),
              R"({"iss":"robot@p.iam.gserviceaccount.com","scope":"https://www.googleapis.com/auth/cloud-platform",)"
              R"("aud":"https://oauth2.example/token","iat":1795392000,"exp":1795395600})");
}

TEST(ServiceAccount, ChangesASignedClaimIntoAToken) {
    ScriptedTransport transport;
    transport.then_answer(200, R"({"access_token":"t","expires_in":3599})");
    ServiceAccount account{transport, parse_service_account_key(service_account_file(rsa_key().pem())),
                           [] { return now; }};
    const gateway::AccessToken token = test::run_awaitable(account.fetch());
    EXPECT_EQ(token.value, "t");
    EXPECT_EQ(token.lifetime, 3599s);

    ASSERT_EQ(transport.sent().size(), 1U);
    const auto& [origin, request, deadline] = transport.sent().front();
    EXPECT_EQ(origin, (gateway::Origin{true, "oauth2.example", 443}));
    EXPECT_EQ(request.method(), gateway::http::verb::post);
    EXPECT_EQ(request.target(), "/token");
    EXPECT_EQ(request.at("Content-Type"), "application/x-www-form-urlencoded");
    // The claims and the signature are tested above and with signed_jwt.
    const auto key = parse_service_account_key(service_account_file(rsa_key().pem()));
    EXPECT_EQ(request.body(), "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" +
                                  gateway::signed_jwt(key.key, "key-1", gateway::service_account_claims(key, now)));
}

TEST(ServiceAccount, SaysWhyItGotNone) {
    ScriptedTransport transport;
    transport.then_answer(400, R"({"error":"invalid_grant","error_description":"Invalid grant: account not found"})");
    ServiceAccount account{transport, parse_service_account_key(service_account_file(rsa_key().pem()))};
    try {
        (void)test::run_awaitable(account.fetch());
        FAIL() << "it was refused";
    } catch (const gateway::TokenError& error) {
        EXPECT_STREQ(
            error.what(),
            "cannot get an access token from oauth2.example: it answers 400 Bad Request (invalid_grant: Invalid "
            "grant: account not found)");
    }
}

}  // namespace service_account_test
