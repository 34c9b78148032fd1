// SPDX-License-Identifier: Apache-2.0
//
// One program, two flavours, each with the headers alone and with dispatch/src.hpp, at the same time.
#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

std::size_t run_on_asio(std::size_t jobs);
std::size_t run_on_boost(std::size_t jobs);
std::size_t run_on_asio_compiled(std::size_t jobs);
std::size_t run_on_boost_compiled(std::size_t jobs);
bool is_boost_asio();
bool is_boost_boost();
bool is_boost_asio_compiled();
bool is_boost_boost_compiled();

int main() {
    constexpr std::size_t jobs = 1000;
    std::size_t right[4] = {};
    std::size_t (*const run[4])(std::size_t) = {run_on_asio, run_on_boost, run_on_asio_compiled, run_on_boost_compiled};
    std::vector<std::thread> threads;
    for (std::size_t way = 0; way != 4; ++way) {
        threads.emplace_back([&, way] { right[way] = run[way](jobs); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    bool good = is_boost_boost() && is_boost_boost_compiled() && !is_boost_asio() && !is_boost_asio_compiled();
    for (const std::size_t count : right) {
        std::printf("%zu of %zu jobs\n", count, jobs);
        good = good && count == jobs;
    }
    return good ? 0 : 1;
}
