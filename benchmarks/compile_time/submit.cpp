// SPDX-License-Identifier: Apache-2.0
//
// A file that only submits, to a pool that another one has made.
#include <optional>

#include <dispatch/pool.hpp>

#include "asio_parts.hpp"

net::awaitable<int> serve(dispatch::WorkerPool<int, int>& pool);

net::awaitable<int> serve(dispatch::WorkerPool<int, int>& pool) { co_return co_await pool.submit(std::nullopt, 1); }
