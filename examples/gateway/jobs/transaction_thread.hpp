// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_TRANSACTION_THREAD_HPP
#define GATEWAY_JOBS_TRANSACTION_THREAD_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>

#include <gateway/base/net.hpp>
#include <gateway/jobs/database.hpp>
#include <gateway/jobs/operation.hpp>
#include <gateway/jobs/store_health.hpp>

namespace gateway {

/// A thread that runs operations on a database. It takes all that wait as one batch and runs them in one transaction:
/// what makes a change last (the disk's sync) costs the same for one as for a thousand, so that many operations at
/// a time cost little each.
///
/// An operation that fails does so alone, as long as SQLite goes on with the transaction: each has to be one
/// statement, which SQLite undoes by itself. If the transaction fails (a full disk, a failed write), so do all its
/// operations, and the next batch is tried as if nothing had been.
class TransactionThread {
  public:
    enum class Mode : std::uint8_t { read, write };

    struct Options {
        Mode mode = Mode::write;
        /// Unfinished operations; one more fails.
        std::size_t max_queued = 0;
        /// Called on the thread before each batch, and again before its operations are said to be done. If it throws,
        /// they fail. Empty: nothing to check.
        std::function<void()> check = {};
        /// How long a batch may take before the thread counts as stalled.
        Clock::duration patience = std::chrono::seconds{5};
    };

    /// Starts the thread, to which the database then belongs.
    TransactionThread(Database& database, Options options);
    TransactionThread(const TransactionThread&) = delete;
    TransactionThread& operator=(const TransactionThread&) = delete;

    /// Runs what was asked for, and ends. Nothing may be asked for meanwhile.
    ~TransactionThread();

    /// What work() returns, once the transaction in which it ran has been committed. committed(result) is called on
    /// the thread just before this completes.
    ///
    /// Executor: that of the awaiting coroutine, where it completes, never from within the call; until then it has
    /// work. Cancellation: what was handed over is carried out, and its result told. Throws StoreError: overloaded,
    /// and failed with what work() or the transaction threw. Thread-safe.
    template <typename Work, typename Committed>
    net::awaitable<std::invoke_result_t<Work&>> perform(Work work, Committed committed) {
        using Signature = void(std::exception_ptr, std::invoke_result_t<Work&>);
        auto start = [this](auto handler, Work moved_work, Committed moved_committed) {
            using AnOperation = AsyncOperation<Work, Committed, decltype(handler)>;
            enqueue(
                std::make_unique<AnOperation>(std::move(moved_work), std::move(moved_committed), std::move(handler)));
        };
        co_return co_await net::async_initiate<const net::use_awaitable_t<>, Signature>(
            std::move(start), net::use_awaitable, std::move(work), std::move(committed));
    }

    /// What the last batch came to.
    [[nodiscard]] StoreHealth health() const { return watch_.health(); }

    /// Operations that were asked for and are not finished.
    [[nodiscard]] std::size_t queued() const;

  private:
    using Batch = std::vector<std::unique_ptr<Operation>>;

    /// Bounds how long the first of a batch waits for the last.
    static constexpr std::size_t max_batch = 1024;

    void enqueue(std::unique_ptr<Operation> operation);
    void loop();
    /// Waits for operations; an empty batch is the end.
    Batch next_batch();
    void run(const Batch& batch);
    /// Whether the database did what it could be asked for.
    bool run_in_transaction(const Batch& batch);

    Database& database_;
    const Options options_;
    TransactionStatements statements_;
    WriteWatch watch_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::unique_ptr<Operation>> waiting_;
    std::size_t unfinished_ = 0;  // those that wait, and those of the batch that runs
    bool stopping_ = false;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_TRANSACTION_THREAD_HPP
