// SPDX-License-Identifier: Apache-2.0
#include "temporary_directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace test {

TemporaryDirectory::TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gateway_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::system_error{errno, std::generic_category(), "mkdtemp"};
    }
    path_ = std::filesystem::canonical(name);  // as SQLite will call it
    std::filesystem::permissions(path_, std::filesystem::perms{0755});
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace test
