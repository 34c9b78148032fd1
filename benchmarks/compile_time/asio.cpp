// SPDX-License-Identifier: Apache-2.0
//
// The yardstick: Asio and one coroutine, without the library.
#include "asio_parts.hpp"

namespace {

net::awaitable<int> handle(int request) { co_return request; }

net::awaitable<void> serve() { static_cast<void>(co_await handle(1)); }

}  // namespace

int main() {
    net::thread_pool threads{1};
    net::co_spawn(threads, serve(), net::detached);
    threads.join();
}
