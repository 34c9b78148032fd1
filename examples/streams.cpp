// SPDX-License-Identifier: Apache-2.0
//
// Responses in parts. Prints what readers hear: of a handler that ends, one that fails after two parts and one that
// fails before its first, of a deadline in the midst, and how far a handler gets whose reader has read enough.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
namespace asio = boost::asio;
#else
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#endif

using namespace std::chrono_literals;

using Pool = dispatch::WorkerPool<std::string, dispatch::Stream<std::string>>;

/// Writes the words of a text, one after another. Some words have a meaning.
class Reciter {
  public:
    explicit Reciter(std::size_t& recited) : recited_{&recited} {}

    asio::awaitable<void> operator()(std::string text, dispatch::Writer<std::string>& out) {
        asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find(' ', begin), text.size());
            std::string word = text.substr(begin, end - begin);
            begin = end + 1;
            if (word == "fail") {
                throw std::runtime_error{"a word is missing"};
            }
            if (word == "hang") {
                co_await never.async_wait(asio::use_awaitable);  // until it is cancelled
            }
            co_await out.write(std::move(word));  // waits while the reader is two words behind
            ++*recited_;
        }
    }

  private:
    std::size_t* recited_;
};

/// Prints the parts of the response to text, and how it ends.
asio::awaitable<void> print(Pool& pool, std::string text) {
    const dispatch::SubmitOptions options{.deadline = std::chrono::steady_clock::now() + 20ms};
    try {
        dispatch::Stream<std::string> words = co_await pool.submit(options, std::move(text));
        std::cout << "it begins, ";
        while (const std::optional<std::string> word = co_await words.next()) {
            std::cout << *word << ", ";
        }
        std::cout << "it ends\n";
    } catch (const std::system_error& error) {
        if (error.code() != dispatch::errc::deadline_exceeded) {
            throw;
        }
        std::cout << "the rest is too late\n";
    } catch (const std::runtime_error& error) {
        std::cout << "it fails: " << error.what() << '\n';
    }
}

/// Reads two words. Destroying the stream cancels the handler.
asio::awaitable<void> read_a_little(Pool& pool, std::string text) {
    dispatch::Stream<std::string> words = co_await pool.submit(std::nullopt, std::move(text));
    for (int count = 0; count < 2; ++count) {
        std::cout << (co_await words.next()).value_or("-") << ", ";
    }
    std::cout << "that is enough\n";
}

asio::awaitable<void> run(Pool& pool, std::size_t& recited) {
    co_await print(pool, "the quick brown fox");
    co_await print(pool, "the quick fail fox");
    co_await print(pool, "fail");
    co_await print(pool, "the quick hang fox");

    recited = 0;
    co_await read_a_little(pool, "one two three four five six seven eight nine ten");

    const dispatch::Ledger ledger = co_await pool.drain();  // waits until the handlers have ended
    std::cout << (recited < 10 ? "not all" : "all") << " of ten words were recited\n"
              << ledger.submitted << " jobs: " << ledger.completed << " completed, " << ledger.failed << " failed, "
              << ledger.expired << " expired, " << ledger.cancelled << " cancelled\n";
}

int main() {
    asio::io_context io;
    std::size_t recited = 0;
    Pool pool{
        dispatch::spawn_workers<std::string, dispatch::Stream<std::string>>(io.get_executor(), 1, Reciter{recited}),
        {.stream_buffer = 2}};
    asio::co_spawn(io, run(pool, recited), asio::detached);
    io.run();
}

// Prints:
// it begins, the, quick, brown, fox, it ends
// it begins, the, quick, it fails: a word is missing
// it fails: a word is missing
// it begins, the, quick, the rest is too late
// one, two, that is enough
// not all of ten words were recited
// 5 jobs: 1 completed, 2 failed, 1 expired, 1 cancelled
