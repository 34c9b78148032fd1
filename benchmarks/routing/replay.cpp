// SPDX-License-Identifier: Apache-2.0
//
// replay TRACE [--workers N] [--concurrency N] [--speed X]: replays a trace of requests to a language model (see
// generate.py) on a pool in virtual time, with several ways to route them, and prints for each how often a request
// found its session in its worker's cache, and how long requests waited and stayed.
//
// A worker takes 0.2 ms for each token of the prompt that it has not cached of that session, and 10 ms for each token
// of the output. It has cached what it has seen of a session, for ever. The oracle is one queue for all workers, each
// of which has cached what any of them has seen: what routing can reach at best. --speed makes the arrivals so much
// denser (and pins as much shorter).
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/detached.hpp>
#else
#include <asio/detached.hpp>
#endif

namespace {

namespace net = dispatch::net;
namespace simulation = dispatch::simulation;
using Nanoseconds = std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

constexpr double tokens_per_block = 512;
constexpr Seconds prefill_per_token{0.0002};
constexpr Seconds decode_per_token{0.01};

struct Request {
    Seconds arrival{};
    double prompt = 0;
    double output = 0;
    std::string session;
    std::set<int> blocks;
};

std::vector<Request> read(const std::string& path) {
    std::ifstream file{path};
    if (!file) {
        throw std::runtime_error{path + " cannot be read"};
    }
    std::vector<Request> requests;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words{line};
        Request request;
        double milliseconds = 0;
        std::size_t blocks = 0;
        words >> milliseconds >> request.prompt >> request.output >> request.session >> blocks;
        request.arrival = Seconds{milliseconds / 1000};
        for (int block = 0; words >> block;) {
            request.blocks.insert(block);
        }
        if (!words.eof() || request.blocks.size() != blocks || request.session.empty() ||
            (!requests.empty() && request.arrival < requests.back().arrival)) {
            throw std::runtime_error{
                path + ":" + std::to_string(requests.size() + 1) +
                ": not a line of: ms prompt output session blocks ids; or not in the order of arrivals"};
        }
        requests.push_back(std::move(request));
    }
    if (requests.empty()) {
        throw std::runtime_error{path + " is empty"};
    }
    return requests;
}

Nanoseconds rounded(Seconds time) { return std::chrono::duration_cast<Nanoseconds>(time); }

/// How requests are routed.
struct Routing {
    const char* name;
    std::chrono::seconds pin{};  ///< 0: none
    dispatch::AffinityExpiry expiry = dispatch::AffinityExpiry::sliding;
    bool late_binding = true;
    bool oracle = false;
    double patience = -1;  ///< Affinity::preferred, with that patience; below 0: Affinity::strict
};

struct Cluster {
    std::size_t workers = 16;
    std::size_t concurrency = 4;
    double speed = 1;
};

struct Outcome {
    std::vector<double> waits;
    std::vector<double> sojourns;
    double hits = 0;
    double repeats = 0;
};

/// A run of all requests through a pool.
class Replay {
  public:
    Replay(const std::vector<Request>& requests, const Cluster& cluster, const Routing& routing)
        : requests_{requests}, cluster_{cluster}, routing_{routing} {}

    Outcome run() {
        simulation::Context context;
        // The oracle's queue is that of one worker which can do what all of them can.
        const std::size_t workers = routing_.oracle ? 1 : cluster_.workers;
        const std::size_t concurrency = cluster_.concurrency * (routing_.oracle ? cluster_.workers : 1);
        const auto handler = [this](std::size_t number, dispatch::JobContext& job) { return serve(number, job); };
        Pool pool{dispatch::spawn_workers<std::size_t, std::size_t, simulation::Executor>(
                      context.get_executor(), workers, handler, {.max_concurrency = concurrency}),
                  {.affinity_ttl = rounded(Seconds{routing_.pin} / cluster_.speed),
                   .affinity_expiry = routing_.expiry,
                   .late_binding = routing_.late_binding,
                   .affinity = routing_.patience < 0 ? dispatch::Affinity::strict : dispatch::Affinity::preferred,
                   .patience = std::max(0.0, routing_.patience)}};
        net::co_spawn(context, arrive(pool), net::detached);
        context.run();
        if (outcome_.waits.size() != requests_.size()) {
            throw std::runtime_error{std::string{"not all requests have ended: "} + context.what_is_left()};
        }
        std::sort(outcome_.waits.begin(), outcome_.waits.end());
        return outcome_;
    }

  private:
    using Pool = dispatch::WorkerPool<std::size_t, std::size_t, dispatch::LeastLoaded, simulation::Executor>;

    net::awaitable<void> arrive(Pool& pool) {
        simulation::Timer timer{co_await net::this_coro::executor};
        const auto start = simulation::Clock::now();
        for (std::size_t number = 0; number != requests_.size(); ++number) {
            timer.expires_at(start + rounded(requests_[number].arrival / cluster_.speed));
            co_await timer.async_wait(net::use_awaitable);
            const dispatch::SubmitOptions options{
                .session = requests_[number].session,
                .miss_cost = rounded(prefill_per_token * most_cached(requests_[number]))};
            pool.submit(options, number, [](const std::exception_ptr& error, std::size_t /*number*/) {
                if (error) {
                    std::rethrow_exception(error);
                }
            });
        }
    }

    net::awaitable<std::size_t> serve(std::size_t number, dispatch::JobContext& job) {
        const Request& request = requests_[number];
        const Seconds wait = job.queued_for();
        const Seconds service = prefill_per_token * std::max(0.0, request.prompt - look_up(request, job.worker_id())) +
                                decode_per_token * request.output;
        outcome_.waits.push_back(wait.count());
        outcome_.sojourns.push_back((wait + service).count());
        simulation::Timer timer{co_await net::this_coro::executor, rounded(service)};
        co_await timer.async_wait(net::use_awaitable);
        co_return number;
    }

    /// Tokens of request's prompt that worker has cached; from now on it has cached all.
    double look_up(const Request& request, std::size_t worker) {
        auto [session, is_new] = seen_.try_emplace(request.session);
        auto& caches = session->second;
        const auto cache = caches.find(worker);
        outcome_.repeats += is_new ? 0 : 1;
        double found = 0;
        if (cache != caches.end()) {
            outcome_.hits += 1;
            found = cached(request, cache->second);
        }
        caches[worker].insert(request.blocks.begin(), request.blocks.end());
        return found;
    }

    /// Tokens of request's prompt that the worker which has cached most of it has cached.
    double most_cached(const Request& request) const {
        const auto session = seen_.find(request.session);
        double most = 0;
        if (session != seen_.end()) {
            for (const auto& [worker, blocks] : session->second) {
                most = std::max(most, cached(request, blocks));
            }
        }
        return most;
    }

    static double cached(const Request& request, const std::set<int>& blocks) {
        return tokens_per_block * static_cast<double>(std::count_if(request.blocks.begin(), request.blocks.end(),
                                                                    [&](int block) { return blocks.contains(block); }));
    }

    const std::vector<Request>& requests_;
    const Cluster& cluster_;
    const Routing& routing_;
    /// Blocks by session and worker.
    std::map<std::string, std::map<std::size_t, std::set<int>>> seen_;
    Outcome outcome_;
};

double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        std::string path;
        Cluster cluster;
        for (int i = 1; i != argc; ++i) {
            const std::string_view argument = argv[i];
            const auto value = [&] {
                const double number = ++i < argc ? std::stod(argv[i]) : 0;
                if (!(number > 0)) {
                    throw std::runtime_error{std::string{argument} + " needs a number above 0"};
                }
                return number;
            };
            if (argument == "--workers") {
                cluster.workers = static_cast<std::size_t>(value());
            } else if (argument == "--concurrency") {
                cluster.concurrency = static_cast<std::size_t>(value());
            } else if (argument == "--speed") {
                cluster.speed = value();
            } else if (path.empty() && !argument.starts_with("-")) {
                path = argument;
            } else {
                throw std::runtime_error{"what is " + std::string{argument} + "?"};
            }
        }
        const std::vector<Request> requests = read(path);
        const Routing routings[] = {
            {.name = "oracle", .oracle = true},
            {.name = "least loaded, bound early", .late_binding = false},
            {.name = "least loaded"},
            {.name = "fixed pins, 300 s", .pin = std::chrono::seconds{300}, .expiry = dispatch::AffinityExpiry::fixed},
            {.name = "sliding pins, 1200 s", .pin = std::chrono::seconds{1200}},
            {.name = "preferred, patience 1", .pin = std::chrono::seconds{1200}, .patience = 1},
            {.name = "preferred, patience 0.5", .pin = std::chrono::seconds{1200}, .patience = 0.5},
        };
        std::printf("%zu requests, %zu workers x %zu, speed %g\n\n", requests.size(), cluster.workers,
                    cluster.concurrency, cluster.speed);
        std::printf("| routing | hit rate | mean wait | p99 wait | mean sojourn | above the oracle |\n");
        std::printf("|---|---|---|---|---|---|\n");
        double oracle = 0;
        for (const Routing& routing : routings) {
            const Outcome outcome = Replay{requests, cluster, routing}.run();
            const double sojourn = mean(outcome.sojourns);
            oracle = routing.oracle ? sojourn : oracle;
            const auto p99 = static_cast<std::size_t>(static_cast<double>(outcome.waits.size()) * 0.99);
            std::printf("| %s | %.3f | %.3f s | %.2f s | %.3f s | %+.1f %% |\n", routing.name,
                        outcome.hits / std::max(1.0, outcome.repeats), mean(outcome.waits), outcome.waits[p99], sojourn,
                        100 * (sojourn / oracle - 1));
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "replay: %s\nusage: replay TRACE [--workers N] [--concurrency N] [--speed X]\n",
                     error.what());
        return EXIT_FAILURE;
    }
}
