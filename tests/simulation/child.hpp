// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_CHILD_HPP
#define DISPATCH_TESTS_SIMULATION_CHILD_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sim {

/// A child process that runs one program after the other: what fails may crash or hang, and its parent is
/// to tell which it was, and to go on.
class Child {
  public:
    /// What the child says is seen by its parent at once.
    struct Report {
        std::uint64_t seed;
        bool failed;
        char complaint[1000];

        void fail(const std::string& text) {
            failed = true;
            const std::size_t length = std::min(text.size(), sizeof(complaint) - 1);
            std::copy_n(text.begin(), length, complaint);
            complaint[length] = '\0';
        }
    };

    /// work(report) is done in the child, which ends well unless report.failed is set.
    template <typename Work>
    explicit Child(Work&& work, bool silent = false)
        : report_{static_cast<Report*>(
              mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {
        if (report_ == MAP_FAILED) {
            throw std::runtime_error{"no shared memory"};
        }
        std::fflush(nullptr);
        pid_ = fork();
        if (pid_ < 0) {
            throw std::runtime_error{"no child process"};
        }
        if (pid_ == 0) {
            if (silent && std::freopen("/dev/null", "w", stderr) == nullptr) {
                std::abort();
            }
            work(*report_);
            // In the usual way if all is well: sanitizers look for leaks at the end.
            if (report_->failed) {
                _exit(1);
            }
            std::exit(0);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { munmap(report_, sizeof(Report)); }

    /// Waits for the child's end. The report says what was wrong, if anything was.
    const Report& wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) != pid_) {
        }
        if (!report_->failed && status != 0) {
            report_->fail(WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                                              : "ended with status " + std::to_string(WEXITSTATUS(status)));
        }
        return *report_;
    }

  private:
    Report* report_;
    pid_t pid_ = 0;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_CHILD_HPP
