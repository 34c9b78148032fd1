// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_FILE_LOCK_HPP
#define GATEWAY_JOBS_FILE_LOCK_HPP

#include <cstdint>
#include <stdexcept>
#include <string>

namespace gateway {

/// Another holds the lock; what() says who.
class FileLocked : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A lock that one holder at a time has, in one process or another. The kernel lets go of it when the process ends,
/// however it ends. The file stays: were it removed, two could each lock a file of that name.
class FileLock {
  public:
    enum class Content : std::uint8_t {
        holder,  ///< the file has no other use: who holds the lock writes that into it
        others,  ///< the file is left as it is
    };

    /// Takes the lock on the file at path, which is made, for its owner alone, if there is none, or throws FileLocked;
    /// std::system_error where it cannot be opened.
    FileLock(const std::string& path, Content content);
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock();

  private:
    int file_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_FILE_LOCK_HPP
