// SPDX-License-Identifier: Apache-2.0
// An HTTP front end for a large language model: takes generation requests, spreads them over a dispatch::WorkerPool by
// session or by load, asks the model, and keeps the results.
//
// How the gateway is arranged: each folder is a room, which knows only those below it (layers.txt; a test checks that).
//
//   main.cpp    makes the parts of all rooms, and ends them in order
//   api/        what is answered to whom: Routes, tokens and hosts of clients, metrics
//   service/    keeps a job, has the pool run it, keeps how it ends; Generator is what the pool's workers do
//   upstream/   the models: embedded, Vertex AI, OpenAI's; retries, credentials, HTTP client
//   dialects/   what each API calls things: its requests and answers, read and written
//   jobs/       JobStore: what survives, in SQLite; or does not, in memory
//   config/     flags and environment
//   page/       what browsers load of the page at /, which watches the gateway
//   conversation/  what a model is asked, and answers, in no API's own words
//   http/       messages, URLs, errors as clients see them; HttpServer: connections, limits of size and time
//   process/    how many descriptors there are, and for whom; SIGHUP; what a service manager is told
//   log/        structured lines on stderr or in a file, written in the background
//   base/       names of Asio's, JSON, text, times; HeavyWork: threads for large texts
//
//   gateway &
//   curl -H 'X-Session-Id: me' -d '{"contents": [{"parts": [{"text": "Hello!"}]}]}' '127.0.0.1:8080/generate?wait=true'
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <dispatch/pool.hpp>
#include <gateway/api/metrics.hpp>
#include <gateway/api/routes.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/config/config.hpp>
#include <gateway/http/server.hpp>
#include <gateway/jobs/job_store.hpp>
#include <gateway/log/log.hpp>
#include <gateway/process/descriptors.hpp>
#include <gateway/process/hangups.hpp>
#include <gateway/process/service_manager.hpp>
#include <gateway/service/generation.hpp>
#include <gateway/service/job_figures.hpp>
#include <gateway/service/service.hpp>
#include <gateway/upstream/upstream.hpp>

namespace {

using namespace gateway;

HttpServerOptions server_options(const Config& config) {
    HttpServerOptions options;
    options.address = config.address;
    options.port = config.port;
    options.max_connections = config.max_connections;
    options.header_limit = config.header_limit;
    options.body_limit = config.body_limit;
    options.request_timeout = config.request_timeout;
    options.min_progress = config.min_progress;
    options.idle_timeout = config.idle_timeout;
    return options;
}

JobStoreOptions store_options(const Config& config) {
    JobStoreOptions options;
    options.path = config.database;
    options.ttl = config.job_ttl;
    options.max_keys = config.max_idempotency_keys;
    options.max_queued = 2 * config.max_pending + config.max_connections;
    return options;
}

ServiceOptions service_options(const Config& config) {
    ServiceOptions options;
    options.max_pending = config.max_pending;
    options.max_pending_bytes = config.max_pending_bytes;
    options.job_timeout = config.job_timeout;
    options.job_ttl = config.job_ttl;
    options.on_restart = config.on_restart;
    options.max_resumes = config.max_resumes;
    options.prefill_rate = config.prefill_rate;
    return options;
}

ServedModel served_model(const Config& config) {
    ServedModel model;
    model.name = served_model_name(config);
    model.any = config.model.empty() && config.upstream != UpstreamKind::vertex;
    model.since = std::time(nullptr);
    return model;
}

Routes::Options routes_options(const Config& config, const Model& model) {
    Routes::Options options;
    options.client_token = config.client_token;
    options.allowed_hosts = split_names(config.allowed_hosts);
    if (!net::ip::make_address(config.address).is_unspecified()) {
        options.allowed_hosts.push_back(config.address);
    }
    options.name = config.name;
    options.access_log = config.access_log;
    // Some connections are left for those who do not wait, such as a balancer's probes.
    options.generations.max_waiting = std::max<std::size_t>(config.max_connections * 3 / 4, 1);
    options.events.max_watchers =
        std::clamp<std::size_t>(config.max_connections / 8, 1, StatusFeed::Options{}.max_watchers);
    options.generations.derive_sessions = config.derive_sessions;
    options.generations.model = served_model(config);
    options.generations.prepare = [&model](Dialect dialect, Delivery delivery, const Json& request,
                                           const SharedText& text) {
        return model.prepare(dialect, delivery, request, text);
    };
    return options;
}

GenerationPool make_pool(const Config& config, const net::any_io_executor& executor, const Generator& generator,
                         JobFigures& figures) {
    dispatch::WorkerOptions worker;
    worker.max_concurrency = config.concurrency;
    worker.queue_capacity = config.queue;
    dispatch::PoolOptions options;
    options.affinity = config.affinity;
    options.affinity_expiry = config.affinity == dispatch::Affinity::preferred ? dispatch::AffinityExpiry::sliding
                                                                               : dispatch::AffinityExpiry::fixed;
    options.affinity_ttl = config.session_ttl;
    options.max_sessions = config.max_sessions;
    // Jobs are in the background, and max_pending bounds them: one whose session's worker is full waits for it.
    options.overflow = dispatch::Overflow::wait;
    return GenerationPool{dispatch::spawn_workers(executor, config.workers, generator, worker, figures.observer()),
                          options};
}

/// Sets how many connections there may be, by how many descriptors there are.
void plan_connections(Config& config) {
    const std::size_t limit = raise_descriptor_limit();
    // Each running generation holds one.
    const DescriptorPlan wanted{config.max_connections,
                                config.upstream == UpstreamKind::embedded ? 0 : config.workers * config.concurrency};
    const DescriptorPlan plan = plan_descriptors(limit, wanted);
    config.max_connections = plan.clients;
    config.upstream_connections = plan.upstream;
    log::info("descriptors", {{"limit", limit},
                              {"clients", plan.clients},
                              {"upstream", plan.upstream},
                              {"reserve", DescriptorPlan::reserve}});
    if (plan.clients < wanted.clients || plan.upstream < wanted.upstream) {
        log::warn("fewer connections than configured, as the process may not open more: raise its limit (ulimit -n)",
                  {{"wanted", wanted.clients + wanted.upstream + DescriptorPlan::reserve}});
    }
}

std::string url_of(const Config& config, std::uint16_t port) {
    const bool v6 = config.address.find(':') != std::string::npos;
    return "http://" + (v6 ? '[' + config.address + ']' : config.address) + ':' + std::to_string(port);
}

/// Tells the service manager, if one has started this process.
void tell_service_manager(std::string_view state) {
    if (const std::optional<std::string> socket = process_environment("NOTIFY_SOCKET")) {
        if (const std::error_code error = notify_service_manager(*socket, state)) {
            log::warn("the service manager could not be told", {{"state", state}, {"error", error.message()}});
        }
    }
}

/// With how long it may take: whatever the manager's own limit is, it is not to be shorter.
std::string stopping(const Config& config) {
    constexpr std::chrono::seconds besides{15};  // for responses under way, the store and the log
    const std::chrono::microseconds limit = config.drain_timeout + besides;
    return "STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(limit.count());
}

/// Serves until a signal, and then ends in order: takes no more jobs while /readyz tells balancers so, lets what is
/// pending end, and only then closes the port.
net::awaitable<dispatch::Ledger> serve(GenerationService& service, Routes& routes, HttpServer& server,
                                       net::signal_set& signals, const Config& config) {
    const std::uint16_t port = server.listen();  // before anything runs: it may fail
    co_await service.start();
    server.start();
    std::cout << "listening on " << url_of(config, port) << std::endl;
    tell_service_manager("READY=1");
    co_await signals.async_wait(net::use_awaitable);
    log::info("shutting down");
    tell_service_manager(stopping(config));
    signals.clear();  // the next one ends the process, from which the jobs are safe
    co_await service.drain(config.drain_timeout);
    routes.end_events();
    co_await server.stop(std::chrono::seconds{2});
    co_return co_await service.finish();
}

/// Opens the log anew, and reads secrets anew, which take the place of those in use; what cannot be had stays as it is.
void reload(const std::function<Config()>& read_config, Routes& routes, Upstream& upstream) noexcept {
    try {
        log::reopen();
    } catch (const std::exception& error) {
        log::error("the log could not be opened anew: it stays where it was", {{"error", error.what()}});
    }
    try {
        const Config config = read_config();
        upstream.exchange_credentials(config, process_environment);
        routes.set_client_token(config.client_token);
        log::info("the log was opened anew, and secrets were read anew");
    } catch (const std::exception& error) {
        log::error("the secrets could not be read anew: those in use stay", {{"error", error.what()}});
    }
}

/// Whether text can be written without waiting for whoever reads it.
bool is_writable(int file) {
    pollfd wanted{file, POLLOUT, 0};
    return ::poll(&wanted, 1, 0) > 0;
}

void print(const dispatch::Ledger& ledger) {
    if (!is_writable(STDOUT_FILENO)) {
        return;
    }
    std::cout << "ledger: " << ledger.submitted << " submitted = " << ledger.completed << " completed + "
              << ledger.failed << " failed + " << ledger.rejected << " rejected + " << ledger.expired << " expired + "
              << ledger.cancelled << " cancelled + " << ledger.stopped << " stopped" << std::endl;
}

void run(Config config, const std::function<Config()>& read_config) {
    const Clock::time_point start = Clock::now();
    plan_connections(config);
    const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1U);
    net::thread_pool threads{config.threads > 0 ? config.threads : processors};
    const net::any_io_executor executor = threads.get_executor();
    HeavyWork heavy{std::max<std::size_t>(processors / 4, 1)};
    net::signal_set signals{executor, SIGINT, SIGTERM};
    JobStore store{store_options(config)};
    Upstream upstream{config, process_environment, executor, heavy};
    JobFigures figures;
    GenerationPool pool = make_pool(config, executor, Generator{upstream.model(), heavy}, figures);
    GenerationService service{executor, pool, store, figures, service_options(config)};
    HttpServer* listener = nullptr;
    Routes* answers = nullptr;
    const auto snapshot = [&] {
        MetricsSnapshot metrics;
        metrics.workers = pool.worker_metrics();
        metrics.ledger = pool.ledger();
        metrics.jobs = service.counters();
        metrics.store = store.counters();
        metrics.http = listener->counters();
        metrics.responses = answers->responses();
        metrics.figures = figures.snapshot();
        metrics.log_dropped = log::dropped();
        metrics.upstream = upstream.counters();
        metrics.connections = upstream.connections();
        metrics.concurrency = config.concurrency;
        metrics.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
        return metrics;
    };
    Routes routes{service, heavy, snapshot, routes_options(config, upstream.model())};
    HttpServer server{executor, routes.handlers(), server_options(config)};
    listener = &server;
    answers = &routes;
    Hangups hangups{executor, [&] { reload(read_config, routes, upstream); }};

    dispatch::Ledger ledger;
    std::exception_ptr failure;
    try {
        ledger = net::co_spawn(threads, serve(service, routes, server, signals, config), net::use_future).get();
    } catch (...) {
        failure = std::current_exception();
    }
    hangups.stop();
    if (failure) {
        threads.stop();
        threads.join();  // before anything goes that they may use
        heavy.stop();
        std::rethrow_exception(failure);
    }
    upstream.close();
    threads.join();
    print(ledger);
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // who reads the log may go: that is no reason to go, too
    std::signal(SIGHUP, SIG_IGN);   // until there is something to reload
    Config config;
    const auto parse = [arguments = std::span{argv, static_cast<std::size_t>(argc)}] {
        return parse_config(arguments.subspan(arguments.empty() ? 0 : 1), process_environment);
    };
    try {
        std::variant<Config, PrintAndExit> parsed = parse();
        if (const PrintAndExit* const page = std::get_if<PrintAndExit>(&parsed)) {
            std::cout << page->text;
            return 0;
        }
        config = std::get<Config>(std::move(parsed));
        log::start(log::level_named(config.log_level).value_or(log::Level::info), config.log_format, config.log_file);
        for (const std::string& warning : warnings(config)) {
            log::warn("configuration", {{"warning", warning}});
        }
    } catch (const ConfigError& error) {
        std::cerr << "gateway: " << error.what() << "; --help lists the flags\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "gateway: --log-file: cannot open " << config.log_file << ": " << error.what() << '\n';
        return 2;
    }
    int status = 0;
    try {
        run(config, [&] { return std::get<Config>(parse()); });
    } catch (const std::exception& error) {
        log::finish(std::chrono::seconds{1});  // what was logged comes first
        std::cerr << "gateway: cannot serve on " << config.address << " port " << config.port << ": "
                  << gateway::reason(error) << '\n';
        status = 1;
    }
    if (!log::finish(std::chrono::seconds{1})) {
        std::cout.flush();
        std::_Exit(status);  // nobody reads the log: exit() might wait for whoever is writing it
    }
    return status;
}
