// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <gateway/jobs/uuid.hpp>

namespace uuid_test {

using gateway::is_uuid;
using gateway::make_uuid;

constexpr const char* good = "6f1a0c3e-9b2d-4e5f-8a7b-0123456789ab";

TEST(Uuid, IsMadeInTheFormThatIsTaken) {
    for (int i = 0; i < 1'000; ++i) {
        const std::string id = make_uuid();
        ASSERT_TRUE(is_uuid(id)) << id;
    }
}

TEST(Uuid, IsMadeOnce) {
    std::set<std::string> ids;
    for (int i = 0; i < 10'000; ++i) {
        ids.insert(make_uuid());
    }
    EXPECT_EQ(ids.size(), 10'000U);
}

TEST(Uuid, EveryDigitThatMayVaryDoes) {
    std::string seen_same = make_uuid();  // digits that all ids so far have in common
    for (int i = 0; i < 1'000; ++i) {
        const std::string id = make_uuid();
        for (std::size_t at = 0; at < id.size(); ++at) {
            seen_same[at] = seen_same[at] == id[at] ? id[at] : '*';
        }
    }
    EXPECT_EQ(seen_same, "********-****-4***-****-************");
}

TEST(Uuid, OtherFormsAreNotTaken) {
    EXPECT_TRUE(is_uuid(good));
    const std::string text = good;
    EXPECT_FALSE(is_uuid(""));
    EXPECT_FALSE(is_uuid(text.substr(0, 35)));
    EXPECT_FALSE(is_uuid(text + "0"));
    EXPECT_FALSE(is_uuid(" " + text));
    EXPECT_FALSE(is_uuid("{" + text + "}"));
    EXPECT_FALSE(is_uuid("6F1A0C3E-9B2D-4E5F-8A7B-0123456789AB"));
    EXPECT_FALSE(is_uuid("6f1a0c3e9b2d4e5f8a7b0123456789ab"));
    EXPECT_FALSE(is_uuid("6f1a0c3e-9b2d-1e5f-8a7b-0123456789ab"));  // version 1
    EXPECT_FALSE(is_uuid("6f1a0c3e-9b2d-4e5f-ca7b-0123456789ab"));  // another variant
    EXPECT_FALSE(is_uuid("xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx"));
}

TEST(Uuid, NoByteMayBeAnother) {
    for (std::size_t at = 0; at < std::string{good}.size(); ++at) {
        for (const char wrong : {'g', '-', '/', ':', '@', '`', ' ', '%', '\0', '\xff', 'A'}) {
            std::string text = good;
            if (text[at] != wrong) {
                text[at] = wrong;
                EXPECT_FALSE(is_uuid(text)) << text;
            }
        }
    }
}

}  // namespace uuid_test
