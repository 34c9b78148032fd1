// SPDX-License-Identifier: Apache-2.0
//
// The simulation (../simulation) with programs that a fuzzer makes: it looks for those that reach code
// which none has reached before, and finds combinations that are rare at random.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "../simulation/generator.hpp"
#include "../simulation/print.hpp"
#include "../simulation/program.hpp"
#include "../simulation/random.hpp"
#include "../simulation/rehearsal.hpp"
#include "bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using Choices = sim::Choices<fuzz::Bytes>;
    const sim::Program program = sim::Generator<Choices>{Choices{data, size}}.make();
    const std::vector<std::string> complaints = sim::Rehearsal<>{program}.run();
    if (!complaints.empty()) {
        std::cerr << complaints.front() << "\nby the program:\n" << program << std::flush;
        std::abort();
    }
    return 0;
}
