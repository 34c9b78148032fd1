// SPDX-License-Identifier: Apache-2.0
#include "child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace test {

ChildProcess::ChildProcess(const std::function<void(const Tell&)>& work) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::system_error{errno, std::generic_category(), "pipe2"};
    }
    std::fflush(nullptr);
    id_ = fork();
    if (id_ == 0) {
        close(ends[0]);
        const Tell tell = [out = ends[1]](const std::string& text) {
            const std::string line = text + '\n';  // shorter than PIPE_BUF: it is written whole
            if (write(out, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
                _exit(2);
            }
        };
        try {
            work(tell);
        } catch (const std::exception& error) {
            tell(std::string{"exception: "} + error.what());
        }
        _exit(0);
    }
    close(ends[1]);
    pipe_ = ends[0];
    if (id_ < 0) {
        close(pipe_);
        throw std::system_error{errno, std::generic_category(), "fork"};
    }
}

ChildProcess::~ChildProcess() {
    kill();
    close(pipe_);
}

std::optional<std::string> ChildProcess::next_line() {
    for (;;) {
        if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
            std::string line = read_.substr(0, end);
            read_.erase(0, end + 1);
            return line;
        }
        std::array<char, 4096> bytes{};
        const ssize_t size = read(pipe_, bytes.data(), bytes.size());
        if (size == 0 || (size < 0 && errno != EINTR)) {
            return std::nullopt;
        }
        if (size > 0) {
            read_.append(bytes.data(), static_cast<std::size_t>(size));
        }
    }
}

void ChildProcess::kill() {
    if (!ended_) {
        ::kill(id_, SIGKILL);
        while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
        ended_ = true;
    }
}

}  // namespace test
