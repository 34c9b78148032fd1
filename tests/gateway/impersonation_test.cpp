// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/impersonation.hpp>
#include <gateway/upstream/token_error.hpp>

#include "support/run_awaitable.hpp"
#include "support/scripted_transport.hpp"

namespace impersonation_test {

using namespace std::chrono_literals;
using test::ScriptedTransport;

constexpr std::chrono::system_clock::time_point now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};

class OwnTokens final : public gateway::TokenSource {
  public:
    gateway::net::awaitable<std::string> token() override { co_return "own"; }
    void reject(std::string_view token) override { rejected.emplace_back(token); }

    std::vector<std::string> rejected;
};

struct Impersonated {
    ScriptedTransport transport;
    OwnTokens* own = nullptr;
    std::unique_ptr<gateway::Impersonation> tokens;

    Impersonated() {
        auto made = std::make_unique<OwnTokens>();
        own = made.get();
        tokens = std::make_unique<gateway::Impersonation>(transport, std::move(made), "robot@p.iam.gserviceaccount.com",
                                                          [] { return now; });
    }

    gateway::AccessToken fetch() const { return test::run_awaitable(tokens->fetch()); }

    std::string error() const {
        try {
            (void)fetch();
        } catch (const gateway::TokenError& error) {
            return error.what();
        }
        return "no error";
    }
};

TEST(Impersonation, ChangesOneTokenIntoAnother) {
    Impersonated robot;
    robot.transport.then_answer(200, R"({"accessToken":"t","expireTime":"2026-11-23T01:00:00.5Z"})");
    const gateway::AccessToken token = robot.fetch();
    EXPECT_EQ(token.value, "t");
    EXPECT_EQ(token.lifetime, 1h);

    ASSERT_EQ(robot.transport.sent().size(), 1U);
    const auto& [origin, request, deadline] = robot.transport.sent().front();
    EXPECT_EQ(origin, (gateway::Origin{true, "iamcredentials.googleapis.com", 443}));
    EXPECT_EQ(request.method(), gateway::http::verb::post);
    EXPECT_EQ(request.target(), "/v1/projects/-/serviceAccounts/robot@p.iam.gserviceaccount.com:generateAccessToken");
    EXPECT_EQ(request.at("Authorization"), "Bearer own");
    EXPECT_EQ(request.at("Content-Type"), "application/json");
    EXPECT_EQ(request.body(), R"({"scope":["https://www.googleapis.com/auth/cloud-platform"],"lifetime":"3600s"})");
}

TEST(Impersonation, SaysWhyItWasRefused) {
    Impersonated robot;
    robot.transport.then_answer(403, R"({"error":{"code":403,"message":"Permission denied"}})");
    EXPECT_EQ(
        robot.error(),
        "cannot get an access token from iamcredentials.googleapis.com: it answers 403 Forbidden (Permission denied)");
    EXPECT_TRUE(robot.own->rejected.empty());
}

TEST(Impersonation, RejectsItsOwnTokenIfThatIsNotTaken) {
    Impersonated robot;
    robot.transport.then_answer(401, "");
    EXPECT_NE(robot.error(), "no error");
    EXPECT_EQ(robot.own->rejected, std::vector<std::string>{"own"});
}

TEST(Impersonation, RefusesAnAnswerWithoutAUsableToken) {
    Impersonated robot;
    for (const auto& [answer, why] : std::vector<std::pair<std::string, std::string>>{
             {"[]", "its answer has no accessToken that can be used"},
             {R"({"expireTime":"2026-11-23T01:00:00Z"})", "its answer has no accessToken that can be used"},
             {R"({"accessToken":"t"})", "its answer does not say when the token expires"},
             {R"({"accessToken":"t","expireTime":1})", "its answer does not say when the token expires"},
             {R"({"accessToken":"t","expireTime":"soon"})", "its answer does not say when the token expires"},
             {R"({"accessToken":"t","expireTime":"2026-11-23T00:00:00Z"})",
              "its token is expired already: is this machine's clock right?"}}) {
        robot.transport.then_answer(200, answer);
        EXPECT_EQ(robot.error(), "cannot get an access token from iamcredentials.googleapis.com: " + why) << answer;
    }
}

}  // namespace impersonation_test
