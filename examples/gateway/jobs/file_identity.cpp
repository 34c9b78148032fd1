// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/file_identity.hpp>

#include <cerrno>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace gateway {

FileIdentity::FileIdentity(std::string path) : path_{std::move(path)} {
    struct stat status{};
    if (::stat(path_.c_str(), &status) != 0) {
        throw std::system_error{errno, std::generic_category()};
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
}

bool FileIdentity::still_there() const {
    struct stat status{};
    return ::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

}  // namespace gateway
