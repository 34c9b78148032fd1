// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

#include <dispatch/error.hpp>

namespace error_test {

using dispatch::errc;

TEST(Error, EnumeratorsAreErrorCodesOfTheirCategory) {
    for (const errc value : {errc::queue_full, errc::deadline_exceeded, errc::stopped, errc::abandoned}) {
        const std::error_code code = value;
        EXPECT_TRUE(code);
        EXPECT_EQ(code.value(), static_cast<int>(value));
        EXPECT_EQ(code.category(), dispatch::error_category());
        EXPECT_EQ(code, value);
    }
    EXPECT_STREQ(dispatch::error_category().name(), "dispatch");
}

TEST(Error, MessagesSayWhatWasWrong) {
    EXPECT_NE(make_error_code(errc::queue_full).message().find("queue is full"), std::string::npos);
    EXPECT_NE(make_error_code(errc::deadline_exceeded).message().find("deadline passed"), std::string::npos);
    EXPECT_NE(make_error_code(errc::stopped).message().find("stopped"), std::string::npos);
    EXPECT_NE(make_error_code(errc::abandoned).message().find("was destroyed"), std::string::npos);
    EXPECT_EQ(dispatch::error_category().message(99), "unknown dispatch error 99");
}

TEST(Error, CodesOfOtherCategoriesAreDifferent) {
    EXPECT_NE(std::error_code(1, std::generic_category()), make_error_code(errc::queue_full));
}

TEST(Error, SubmittersSeeASystemError) {
    const std::exception_ptr error = dispatch::detail::make_system_error(errc::queue_full);
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), errc::queue_full);
        EXPECT_NE(std::string{e.what()}.find("queue is full"), std::string::npos);
    }
}

}  // namespace error_test
