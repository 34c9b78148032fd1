// SPDX-License-Identifier: Apache-2.0
//
// One program, two flavours, at the same time.
#include <cstddef>
#include <cstdio>
#include <thread>

std::size_t run_on_asio(std::size_t jobs);
std::size_t run_on_boost(std::size_t jobs);
bool is_boost_asio();
bool is_boost_boost();

int main() {
    constexpr std::size_t jobs = 1000;
    std::size_t on_boost = 0;
    std::thread other{[&] { on_boost = run_on_boost(jobs); }};
    const std::size_t on_asio = run_on_asio(jobs);
    other.join();
    std::printf("%zu and %zu of %zu jobs\n", on_asio, on_boost, jobs);
    return on_asio == jobs && on_boost == jobs && is_boost_boost() && !is_boost_asio() ? 0 : 1;
}
