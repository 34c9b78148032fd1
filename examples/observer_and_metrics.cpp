// SPDX-License-Identifier: Apache-2.0
//
// What a pool says about itself: an observer that sees each job, a row for each worker, the ledger of all jobs, and a
// page for Prometheus with a figure of the program's own. Prints each of them.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <dispatch/observer.hpp>
#include <dispatch/pool.hpp>
#include <dispatch/prometheus.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#endif

/// What the observer counts: atomic, as the events of different jobs come on several threads at once.
struct Counts {
    std::array<std::atomic<int>, 5> verdicts{};  // by dispatch::SessionVerdict
    std::atomic<int> started{0};
    std::atomic<int> failed{0};
    std::atomic<int> dropped{0};
};

/// The observer. The pool and each worker have a copy of it, so it points to what it feeds. It must not throw or wait.
/// The events also tell the worker, the session, and how long a job was queued and has run.
struct CountJobs {
    Counts* counts;

    void routed(const dispatch::RoutedEvent& job) noexcept {
        ++counts->verdicts[static_cast<std::size_t>(job.verdict)];
    }
    void started(const dispatch::StartedEvent&) noexcept { ++counts->started; }
    void finished(const dispatch::FinishedEvent& job) noexcept { counts->failed += job.error ? 1 : 0; }
    void dropped(const dispatch::DroppedEvent&) noexcept { ++counts->dropped; }
};

using Pool = dispatch::WorkerPool<std::string, std::string, dispatch::Observed<CountJobs>>;

asio::awaitable<std::string> handle(std::string request) {
    if (request.empty()) {
        throw std::invalid_argument{"an empty request"};
    }
    co_return request;
}

asio::awaitable<void> ask(Pool& pool, dispatch::SubmitOptions options, std::string request) {
    try {
        co_await pool.submit(options, std::move(request));
    } catch (const std::exception&) {
        // Thrown by the handler, or errc::deadline_exceeded. The pool and the observer have counted it.
    }
}

/// Three jobs of a session, of which one fails, and one that is too late when it comes.
asio::awaitable<void> keep_busy(Pool& pool, std::string session) {
    const dispatch::SubmitOptions options{.session = session};
    co_await ask(pool, options, "one");
    co_await ask(pool, options, "two");
    co_await ask(pool, options, "");
    const dispatch::SubmitOptions late{.deadline = std::chrono::steady_clock::now()};
    co_await ask(pool, late, "three");
}

/// Prometheus's page: the pool's figures, and how often a session was known.
std::string page(const Pool& pool, const Counts& counts) {
    dispatch::PrometheusWriter writer;
    const dispatch::PoolSnapshot snapshot{"shop", pool.worker_metrics(), pool.ledger()};
    dispatch::write_prometheus(writer, {&snapshot, 1});
    writer.family("shop_jobs_routed_total", dispatch::PrometheusWriter::Type::counter, "Jobs by their sessions.");
    constexpr std::array names{"none", "hit", "fresh", "expired"};
    for (std::size_t i = 0; i != names.size(); ++i) {
        writer.sample({{"session", names[i]}}, counts.verdicts[i].load());
    }
    return std::move(writer).text();
}

int main() {
    asio::io_context io;
    Counts counts;
    const CountJobs observer{&counts};
    Pool pool{dispatch::spawn_workers(io.get_executor(), 2, handle, {}, observer), {}, dispatch::Observed{observer}};
    for (const char* session : {"ada", "brian"}) {
        auto done = asio::co_spawn(io, keep_busy(pool, session), asio::use_future);
        io.restart();
        io.run();
        done.get();
    }

    std::cout << "observer: " << counts.started << " started, " << counts.failed << " failed, " << counts.dropped
              << " dropped\n";
    for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
        std::cout << "worker " << row.worker_id << ": jobs " << row.submitted << ", errors " << row.errors
                  << ", sessions " << row.sessions << ", in flight " << row.inflight << '\n';
    }
    const dispatch::Ledger ledger = pool.ledger();
    std::cout << "ledger: " << ledger.submitted << " submitted, " << ledger.completed << " completed, " << ledger.failed
              << " failed, " << ledger.expired << " expired\n";
    std::istringstream lines{page(pool, counts)};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("dispatch_worker_jobs_") || line.starts_with("shop_")) {  // some of about fifty
            std::cout << line << '\n';
        }
    }
}

// Prints:
// observer: 6 started, 2 failed, 2 dropped
// worker 0: jobs 4, errors 1, sessions 1, in flight 0
// worker 1: jobs 4, errors 1, sessions 1, in flight 0
// ledger: 8 submitted, 4 completed, 2 failed, 2 expired
// dispatch_worker_jobs_total{pool="shop",worker="0"} 4
// dispatch_worker_jobs_total{pool="shop",worker="1"} 4
// shop_jobs_routed_total{session="none"} 2
// shop_jobs_routed_total{session="hit"} 4
// shop_jobs_routed_total{session="fresh"} 2
// shop_jobs_routed_total{session="expired"} 0
