// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/http/request_id.hpp>

namespace request_id_test {

using gateway::HttpRequest;
using gateway::request_id;

HttpRequest with(const std::string& id) {
    HttpRequest head;
    head.set(gateway::request_id_field, id);
    return head;
}

bool is_made_up(const std::string& id) {
    return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

TEST(RequestId, IsTheClientsIfItCanBe) {
    for (const std::string& id :
         {std::string{"a"}, std::string{"4f9c0f6e-0c1b-4d55-9a3e-1d2f3a4b5c6d"}, std::string{"Root=1-67:a/b+c=@x_y.z~"},
          std::string(gateway::longest_request_id, 'x')}) {
        EXPECT_EQ(request_id(with(id)), id);
    }
}

TEST(RequestId, IsMadeUpElse) {
    EXPECT_TRUE(is_made_up(request_id(HttpRequest{})));
    for (const std::string& id :
         {std::string{}, std::string{"a b"}, std::string{"a\"b"}, std::string{"a\tb"}, std::string{"\x1b[2J"},
          std::string{"caf\xc3\xa9"}, std::string{"a,b"}, std::string(gateway::longest_request_id + 1, 'x')}) {
        EXPECT_TRUE(is_made_up(request_id(with(id)))) << id;
    }
    HttpRequest twice = with("a");
    twice.insert(gateway::request_id_field, "b");
    EXPECT_TRUE(is_made_up(request_id(twice)));
}

}  // namespace request_id_test
