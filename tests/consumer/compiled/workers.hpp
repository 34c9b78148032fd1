// SPDX-License-Identifier: Apache-2.0
//
// What a program of several files has in a header: a pool's type, and who makes its workers.
#ifndef CONSUMER_COMPILED_WORKERS_HPP
#define CONSUMER_COMPILED_WORKERS_HPP

#include <cstddef>
#include <string>
#include <vector>

#include <dispatch/pool.hpp>

using Pool = dispatch::WorkerPool<std::string, std::size_t>;

std::vector<Pool::Handle> spawn(dispatch::net::any_io_executor executor);

#endif  // CONSUMER_COMPILED_WORKERS_HPP
