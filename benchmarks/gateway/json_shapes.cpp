// SPDX-License-Identifier: Apache-2.0
// What parsing costs for each byte of text, by shape and size: about the same along a line, or it is not linear.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gateway/base/json.hpp>

namespace {

using Clock = std::chrono::steady_clock;

std::string repeated(const std::string& element, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text += element;
    }
    return text;
}

std::string members(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text += "\"member ";
        text += std::to_string(i);
        text += "\":0";
    }
    return text;
}

/// The least time of a few, in nanoseconds for each byte.
double cost(const std::string& text) {
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < 5; ++i) {
        const Clock::time_point start = Clock::now();
        const gateway::Json json = gateway::parse_json(text, std::numeric_limits<std::size_t>::max());
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        least = std::min(least, took.count() / static_cast<double>(text.size()));
    }
    return least;
}

}  // namespace

int main() {
    const std::vector<std::pair<const char*, std::function<std::string(std::size_t)>>> shapes{
        {"[0,0,...]", [](std::size_t n) { return '[' + repeated("0", n) + ']'; }},
        {"[{},{},...]", [](std::size_t n) { return '[' + repeated("{}", n) + ']'; }},
        {"[[],[],...]", [](std::size_t n) { return '[' + repeated("[]", n) + ']'; }},
        {"[{\"a\":0},...]", [](std::size_t n) { return '[' + repeated("{\"a\":0}", n) + ']'; }},
        {"{\"member 0\":0,...}", [](std::size_t n) { return '{' + members(n) + '}'; }},
        {"[\"text of it\",...]", [](std::size_t n) { return '[' + repeated("\"text of it\"", n) + ']'; }},
        {"[[[...]],...], 60 deep",
         [](std::size_t n) { return '[' + repeated(std::string(60, '[') + std::string(60, ']'), n / 60 + 1) + ']'; }},
        {"\"a long text\"", [](std::size_t n) { return '"' + repeated("a long text", n) + '"'; }},
    };
    std::printf("%-24s %10s %10s %10s %10s\n", "ns for each byte", "100", "1,000", "10,000", "100,000");
    for (const auto& [name, make] : shapes) {
        std::printf("%-24s", name);
        for (const std::size_t count : {100U, 1'000U, 10'000U, 100'000U}) {
            std::printf(" %10.1f", cost(make(count)));
        }
        std::printf("\n");
    }
}
