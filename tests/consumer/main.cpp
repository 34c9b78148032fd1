// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#else
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

int main() {
    dispatch::net::thread_pool threads{2};
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers(threads.get_executor(), 2, [](int value) { return value + 1; })};
    return pool.submit(std::nullopt, 41, dispatch::net::use_future).get() == 42 ? 0 : 1;
}
