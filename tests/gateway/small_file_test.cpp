// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <gateway/base/small_file.hpp>

#include "support/temporary_file.hpp"

namespace small_file_test {

using gateway::longest_small_file;
using gateway::read_small_file;
using test::TemporaryFile;

std::string error(const std::string& path) {
    try {
        (void)read_small_file(path);
    } catch (const std::runtime_error& refused) {
        return refused.what();
    }
    return "no error";
}

TEST(SmallFile, IsReadAsItIs) {
    const std::string bytes{"a\0\r\n\xff", 5};
    EXPECT_EQ(read_small_file(TemporaryFile{bytes}.path()), bytes);
    EXPECT_EQ(read_small_file(TemporaryFile{""}.path()), "");
    const std::string most(longest_small_file, 'x');
    EXPECT_EQ(read_small_file(TemporaryFile{most}.path()), most);
}

TEST(SmallFile, SaysWhyItCannotBeRead) {
    EXPECT_EQ(error("/nowhere/key"), "cannot read \"/nowhere/key\": No such file or directory");
    EXPECT_EQ(error("/"), "cannot read \"/\": Is a directory");
    const TemporaryFile large{std::string(longest_small_file + 1, 'x')};
    EXPECT_EQ(error(large.path()), "\"" + large.path() + "\" has more than 65536 bytes");
    EXPECT_EQ(error("/dev/zero"), "\"/dev/zero\" has more than 65536 bytes");
}

}  // namespace small_file_test
