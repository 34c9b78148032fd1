// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_TEMPORARY_FILE_HPP
#define GATEWAY_TESTS_SUPPORT_TEMPORARY_FILE_HPP

#include <string>
#include <string_view>

namespace test {

/// A file with a name of its own, which only this user can read, and which is removed in the end.
class TemporaryFile {
  public:
    /// Throws std::runtime_error.
    explicit TemporaryFile(std::string_view content);
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_TEMPORARY_FILE_HPP
