// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/file_lock.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

namespace gateway {

namespace {

/// The holder, as it wrote itself into the file.
std::string holder(int file) {
    std::array<char, 32> text{};
    const ssize_t size = pread(file, text.data(), text.size(), 0);
    return size > 0 ? "process " + std::string{text.data(), static_cast<std::size_t>(size)} : "another process";
}

}  // namespace

FileLock::FileLock(const std::string& path, Content content)
    : file_{open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)} {
    if (file_ < 0) {
        throw std::system_error{errno, std::generic_category()};
    }
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
        const int why = errno;
        const std::string who = content == Content::holder ? holder(file_) : "another process";
        close(file_);
        if (why == EWOULDBLOCK) {
            throw FileLocked{who};
        }
        throw std::system_error{why, std::generic_category()};
    }
    if (content == Content::others) {
        return;
    }
    // For whom is refused to read; a full disk is no reason to fail.
    const std::string self = std::to_string(getpid());
    [[maybe_unused]] const bool written = ftruncate(file_, 0) == 0 && pwrite(file_, self.data(), self.size(), 0) > 0;
}

FileLock::~FileLock() { close(file_); }

}  // namespace gateway
