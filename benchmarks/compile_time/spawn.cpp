// SPDX-License-Identifier: Apache-2.0
//
// A file that only makes the workers: the same coroutine as their handler.
#include <vector>

#include <dispatch/pool.hpp>

#include "asio_parts.hpp"

std::vector<dispatch::WorkerHandle<int, int>> spawn(net::any_io_executor executor);

namespace {

net::awaitable<int> handle(int request) { co_return request; }

}  // namespace

std::vector<dispatch::WorkerHandle<int, int>> spawn(net::any_io_executor executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, handle);
}
