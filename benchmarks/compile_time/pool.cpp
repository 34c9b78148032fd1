// SPDX-License-Identifier: Apache-2.0
//
// The same coroutine as the handler of a pool: all of the pool's templates that one submit needs.
#include <dispatch/pool.hpp>

#include "asio_parts.hpp"

namespace {

net::awaitable<int> handle(int request) { co_return request; }

net::awaitable<void> serve(dispatch::WorkerPool<int, int>& pool) {
    static_cast<void>(co_await pool.submit(std::nullopt, 1));
}

}  // namespace

int main() {
    net::thread_pool threads{1};
    dispatch::WorkerPool<int, int> pool{dispatch::spawn_workers<int, int>(threads.get_executor(), 1, handle)};
    net::co_spawn(threads, serve(pool), net::detached);
    threads.join();
}
