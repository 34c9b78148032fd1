// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/file_identity.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace gateway {

FileIdentity::FileIdentity(std::string path, std::uint64_t own_cut) : path_{std::move(path)}, own_cut_{own_cut} {
    struct stat status{};
    if (::stat(path_.c_str(), &status) != 0) {
        throw std::system_error{errno, std::generic_category()};
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
    least_ = std::min(static_cast<std::uint64_t>(status.st_size), own_cut_);
}

FileIdentity::State FileIdentity::look() {
    struct stat status{};
    if (::stat(path_.c_str(), &status) != 0 || status.st_dev != device_ || status.st_ino != inode_) {
        return State::gone;
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < least_) {
        return State::truncated;
    }
    least_ = std::max(least_, std::min(size, own_cut_));
    return State::intact;
}

}  // namespace gateway
