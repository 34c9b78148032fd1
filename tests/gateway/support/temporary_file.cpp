// SPDX-License-Identifier: Apache-2.0
#include "temporary_file.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace test {

TemporaryFile::TemporaryFile(std::string_view content)
    : path_{(std::filesystem::temp_directory_path() / "gateway-test-XXXXXX").string()} {
    const int file = ::mkstemp(path_.data());
    if (file == -1) {
        throw std::runtime_error{"cannot create " + path_};
    }
    ::close(file);
    std::ofstream stream{path_, std::ios::binary};
    stream << content;
    stream.close();
    if (!stream) {
        throw std::runtime_error{"cannot write " + path_};
    }
}

TemporaryFile::~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

}  // namespace test
