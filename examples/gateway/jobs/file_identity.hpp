// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_FILE_IDENTITY_HPP
#define GATEWAY_JOBS_FILE_IDENTITY_HPP

#include <cstdint>
#include <limits>
#include <string>
#include <sys/types.h>

namespace gateway {

/// The file that a name leads to, to see later whether it still does: one that was removed or replaced can be written
/// by whoever has it open, and nobody else will ever see that. One that somebody else has made shorter no longer holds
/// what was written.
class FileIdentity {
  public:
    enum class State : std::uint8_t { intact, gone, truncated };

    /// own_cut: its owner may make the file that short itself (bytes), and no shorter. Throws std::system_error where
    /// there is no such file.
    explicit FileIdentity(std::string path, std::uint64_t own_cut = std::numeric_limits<std::uint64_t>::max());

    /// What has become of it. Remembers its size: it may grow.
    [[nodiscard]] State look();
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    std::uint64_t own_cut_;
    std::uint64_t least_ = 0;  // bytes that it must have
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_FILE_IDENTITY_HPP
