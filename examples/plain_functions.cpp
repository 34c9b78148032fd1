// SPDX-License-Identifier: Apache-2.0
//
// Plain functions as handlers: a quick one in the server's own thread, and one that blocks, which gets a thread_pool of
// its own. Prints pages that the server shows while two files are being read, then those files, and an error.
#include <cstddef>
#include <iostream>
#include <latch>
#include <stdexcept>
#include <string>
#include <tuple>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

using Pool = dispatch::WorkerPool<std::string, std::string>;

/// In place of a slow disk: it answers when the server has shown its pages. If reading held up the server's thread,
/// the program would hang.
std::latch pages_are_shown{1};

std::string read_file(std::string name) {
    if (name.empty()) {
        throw std::invalid_argument{"a file has a name"};  // the caller hears it
    }
    pages_are_shown.wait();  // blocks the thread
    return "the contents of " + name;
}

/// A handler that awaits nothing need not be a coroutine.
std::string show_page(const std::string& path, dispatch::JobContext& job) {
    return path + " for " + std::string{job.session()};
}

asio::awaitable<void> show_pages(Pool& pages) {
    std::cout << co_await pages.submit("ada", "/") << '\n';
    std::cout << co_await pages.submit("ada", "/help") << '\n';
    pages_are_shown.count_down();
}

/// All of this runs in the server's thread: also what comes after a co_await of the files.
asio::awaitable<void> serve(Pool& pages, Pool& files) {
    using namespace asio::experimental::awaitable_operators;
    const auto [a, b] = co_await (files.submit(std::nullopt, "a.txt", asio::use_awaitable) &&
                                  (files.submit(std::nullopt, "b.txt", asio::use_awaitable) && show_pages(pages)));
    std::cout << a << '\n' << b << '\n';
    try {
        co_await files.submit(std::nullopt, "");
    } catch (const std::invalid_argument& error) {
        std::cout << "error: " << error.what() << '\n';
    }
}

int main() {
    asio::io_context server;  // its one thread is this one
    Pool pages{dispatch::spawn_workers<std::string, std::string>(server.get_executor(), 2, show_page)};

    // A worker runs one plain function at a time, and these block: so each worker gets a thread.
    constexpr std::size_t readers = 2;
    asio::thread_pool threads{readers};
    Pool files{dispatch::spawn_workers(threads.get_executor(), readers, read_file, {.queue_capacity = 16})};

    auto done = asio::co_spawn(server, serve(pages, files), asio::use_future);
    server.run();
    done.get();
}

// Prints:
// / for ada
// /help for ada
// the contents of a.txt
// the contents of b.txt
// error: a file has a name
