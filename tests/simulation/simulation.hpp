// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_SIMULATION_HPP
#define DISPATCH_TESTS_SIMULATION_SIMULATION_HPP

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include "child.hpp"
#include "heap.hpp"

namespace sim {

/// Runs the programs of many seeds, and tells what fails. Family says what they are: its Program, and make(seed),
/// rehearse(program, trace), which returns what was wrong, and shrink(program, fails).
template <typename Family>
class Simulation {
    using Program = typename Family::Program;

  public:
    /// The command line: --seeds N [--from N] [--jobs N], or --seed N [--verbose]. The exit status.
    static int main(int argc, char** argv) {
        std::uint64_t from = 0;
        std::uint64_t seeds = 10000;
        bool verbose = false;
        bool one = false;
        std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
        for (int i = 1; i != argc; ++i) {
            const std::string_view option = argv[i];
            const auto number = [&] { return ++i != argc ? std::stoull(argv[i]) : usage(); };
            if (option == "--seeds") {
                seeds = number();
            } else if (option == "--from") {
                from = number();
            } else if (option == "--jobs") {
                jobs = static_cast<std::size_t>(number());
            } else if (option == "--seed") {
                one = true;
                from = number();
            } else if (option == "--verbose") {
                verbose = true;
            } else {
                usage();
            }
        }
        return one ? replay(from, verbose) : run(from, seeds, std::max<std::size_t>(1, jobs));
    }

  private:
    [[noreturn]] static std::uint64_t usage() {
        std::cerr << "options: --seeds N [--from N] [--jobs N]    run the programs of N seeds\n"
                     "         --seed N [--verbose]              run that of one, and shrink it if it fails\n";
        std::exit(2);
    }

    /// What was wrong; empty if nothing was.
    static std::string rehearse(const Program& program, std::ostream* trace = nullptr) {
        try {
            const std::vector<std::string> complaints = Family::rehearse(program, trace);
            return complaints.empty() ? std::string{} : complaints.front();
        } catch (const std::exception& error) {
            return error.what();
        }
    }

    /// The same with memory. Some is kept in stock by each thread: so when there is more of it out than
    /// ever before, a second run, which finds in stock all that the first needed, must not add to it.
    static std::string check(const Program& program) {
        static long most_out = 0;
        std::string complaint = rehearse(program);
        if (complaint.empty() && blocks_out() > most_out) {
            const long out = blocks_out();
            complaint = rehearse(program);
            if (complaint.empty() && blocks_out() > out) {
                complaint = std::to_string(blocks_out() - out) + " blocks of memory are left";
            }
            most_out = blocks_out();
        }
        return complaint;
    }

    static void check_in_child(const Program& program, Child::Report& report) {
        alarm(seconds_per_program);
        if (const std::string complaint = check(program); !complaint.empty()) {
            report.fail(complaint);
        }
    }

    static int run(std::uint64_t from, std::uint64_t seeds, std::size_t jobs) {
        const auto start = std::chrono::steady_clock::now();
        std::deque<Child> children;
        for (std::size_t job = 0; job != jobs; ++job) {
            const std::uint64_t first = from + seeds * job / jobs;
            const std::uint64_t last = from + seeds * (job + 1) / jobs;
            children.emplace_back([=](Child::Report& report) {
                for (report.seed = first; report.seed != last && !report.failed; ++report.seed) {
                    check_in_child(Family::make(report.seed), report);
                    if (report.failed) {
                        return;
                    }
                }
            });
        }
        int status = 0;
        for (Child& child : children) {
            if (const Child::Report report = child.wait(); report.failed && status == 0) {
                status = 1;
                explain(report.seed, report.complaint);
            }
        }
        if (status == 0) {
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            std::cout << seeds << " seeds, from " << from << ": all well; "
                      << static_cast<long>(static_cast<double>(seeds) / took.count()) << " seeds per second\n";
        }
        return status;
    }

    static int replay(std::uint64_t seed, bool verbose) {
        const Program program = Family::make(seed);
        if (verbose) {
            std::cout << "the program of seed " << seed << ":\n" << program << "what happens:\n" << std::flush;
            const std::string complaint = rehearse(program, &std::cout);
            std::cout << (complaint.empty() ? "all is well" : complaint) << '\n';
        }
        Child child{[&](Child::Report& report) { check_in_child(program, report); }};
        const Child::Report report = child.wait();
        if (report.failed) {
            explain(seed, report.complaint);
        }
        return report.failed ? 1 : 0;
    }

    static void explain(std::uint64_t seed, const std::string& complaint) {
        const Program program = Family::make(seed);
        std::cout << "seed " << seed << " fails: " << complaint << "\nits program:\n" << program << std::flush;
        const auto fails = [&](const Program& candidate) {
            Child child{[&](Child::Report& report) { check_in_child(candidate, report); }, true};
            const Child::Report& report = child.wait();
            return report.failed && without_digits(report.complaint) == without_digits(complaint);
        };
        const Program shrunk = Family::shrink(program, fails);
        std::cout << "shrunk:\n" << shrunk << "what happens there:\n" << std::flush;
        Child child{[&](Child::Report& report) {
            alarm(seconds_per_program);
            const std::string said = rehearse(shrunk, &std::cout);
            std::cout << "    " << said << '\n' << std::flush;
            report.failed = !said.empty();
        }};
        child.wait();
        std::cout << "to repeat: --seed " << seed << " --verbose\n";
    }

    /// Whether two complaints are the same but for the numbers of jobs and workers.
    static std::string without_digits(std::string text) {
        std::erase_if(text, [](unsigned char c) { return std::isdigit(c) != 0; });
        return text;
    }

    /// A program that takes so long hangs; they take less than a millisecond.
    static constexpr unsigned seconds_per_program = 60;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_SIMULATION_HPP
