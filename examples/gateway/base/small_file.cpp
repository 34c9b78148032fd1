// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/small_file.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <gateway/base/quote.hpp>

namespace gateway {

std::string read_small_file(const std::string& path) {
    std::string text(longest_small_file + 1, '\0');
    std::ifstream file{path, std::ios::binary};
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        throw std::runtime_error{"cannot read " + quote(path) + ": " + std::strerror(errno)};
    }
    if (!file.eof()) {
        throw std::runtime_error{quote(path) + " has more than " + std::to_string(longest_small_file) + " bytes"};
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

}  // namespace gateway
