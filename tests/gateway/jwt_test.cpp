// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <gateway/base/json.hpp>
#include <gateway/upstream/jwt.hpp>

#include "support/test_keys.hpp"

namespace jwt_test {

using gateway::base64url;
using gateway::RsaKey;
using test::rsa_key;
using test::TestKey;

std::string refusal(const std::string& pem) {
    try {
        const RsaKey key{pem};
    } catch (const std::invalid_argument& error) {
        EXPECT_EQ(ERR_peek_error(), 0U) << "a TLS connection would take it for its own";
        return error.what();
    }
    return "none";
}

TEST(Base64Url, IsThatOfTheStandard) {
    EXPECT_EQ(base64url(""), "");
    EXPECT_EQ(base64url("f"), "Zg");
    EXPECT_EQ(base64url("fo"), "Zm8");
    EXPECT_EQ(base64url("foo"), "Zm9v");
    EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64url("\xfb\xff\xfe"), "-__-");
}

TEST(Jwt, IsSignedWithTheKey) {
    gateway::Json claims;
    claims["iss"] = "robot";
    const std::string token = gateway::signed_jwt(RsaKey{rsa_key().pem()}, "key-1", claims);
    const std::string front =
        base64url(R"({"alg":"RS256","typ":"JWT","kid":"key-1"})") + "." + base64url(R"({"iss":"robot"})") + ".";
    ASSERT_TRUE(token.starts_with(front)) << token;
    const std::string signature = RsaKey{rsa_key().pem()}.sign(front.substr(0, front.size() - 1));
    EXPECT_EQ(token.substr(front.size()), base64url(signature)) << "this kind of signature is the same each time";
    EXPECT_TRUE(rsa_key().verifies(front.substr(0, front.size() - 1), signature));
    EXPECT_FALSE(rsa_key().verifies(front, signature));
}

TEST(Jwt, NeedsNoKeyId) {
    const std::string token = gateway::signed_jwt(RsaKey{rsa_key().pem()}, "", gateway::Json::object());
    EXPECT_TRUE(token.starts_with(base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + base64url("{}") + "."));
}

TEST(RsaKey, SaysWhatIsWrongWithAKey) {
    EXPECT_EQ(refusal(""), "it is not a private key in PEM without a passphrase");
    EXPECT_EQ(refusal("secret"), "it is not a private key in PEM without a passphrase");
    EXPECT_EQ(refusal(rsa_key().pem().substr(0, 500)), "it is not a private key in PEM without a passphrase");
    EXPECT_EQ(refusal(rsa_key().pem("passphrase")), "it is not a private key in PEM without a passphrase");
    EXPECT_EQ(refusal(TestKey::elliptic_curve().pem()), "it is not an RSA key");
    EXPECT_EQ(refusal(TestKey::rsa(1024).pem()), "it has 1024 bits: 2048 are needed");
}

}  // namespace jwt_test
