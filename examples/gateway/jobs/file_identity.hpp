// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_FILE_IDENTITY_HPP
#define GATEWAY_JOBS_FILE_IDENTITY_HPP

#include <string>
#include <sys/types.h>

namespace gateway {

/// The file that a name leads to, to see later whether it still does: one that was removed or replaced can be written
/// by whoever has it open, and nobody else will ever see that.
class FileIdentity {
  public:
    /// Throws std::system_error where there is no such file.
    explicit FileIdentity(std::string path);

    [[nodiscard]] bool still_there() const;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_FILE_IDENTITY_HPP
