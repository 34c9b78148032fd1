// SPDX-License-Identifier: Apache-2.0
#include "test_gateway.hpp"

#include <exception>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <dispatch/pool.hpp>

namespace test {

using namespace gateway;

TestGateway::TestGateway(const MakeModel& make_model, TestGatewayOptions options)
    : store_{options.store}, concurrency_{options.worker.max_concurrency} {
    const net::any_io_executor executor = threads_.get_executor();
    model_ = make_model(executor, heavy_);
    if (!options.routes.generations.prepare) {
        options.routes.generations.prepare = [this](Dialect dialect, Delivery delivery, const Json& request,
                                                    const SharedText& text) {
            return model_->prepare(dialect, delivery, request, text);
        };
    }
    pool_ =
        std::make_unique<GenerationPool>(dispatch::spawn_workers(executor, options.workers, Generator{*model_, heavy_},
                                                                 options.worker, figures_.observer()),
                                         options.pool);
    service_ = std::make_unique<GenerationService>(executor, *pool_, store_, figures_, options.service);
    options.routes.allowed_hosts.emplace_back("test");  // what RawClient says
    routes_ = std::make_unique<Routes>(*service_, heavy_, [this] { return metrics(); }, options.routes);
    options.http.port = 0;
    server_ = std::make_unique<HttpServer>(executor, routes_->handlers(), options.http);
    port_ = server_->listen();
    start(service_->start()).get();
    server_->start();
}

TestGateway::~TestGateway() {
    if (!drained_) {
        drain();
    }
}

MetricsSnapshot TestGateway::metrics() {
    MetricsSnapshot snapshot;
    snapshot.workers = pool_->worker_metrics();
    snapshot.ledger = pool_->ledger();
    snapshot.jobs = service_->counters();
    snapshot.store = store_.counters();
    snapshot.http = server_->counters();
    snapshot.figures = figures_.snapshot();
    snapshot.responses = routes_->responses();
    snapshot.concurrency = concurrency_;
    return snapshot;
}

dispatch::Ledger TestGateway::drain(std::chrono::milliseconds limit) {
    drained_ = true;
    start(service_->drain(limit)).get();
    routes_->end_events();
    start(server_->stop(std::chrono::seconds{1})).get();
    const dispatch::Ledger ledger = start(service_->finish()).get();
    threads_.join();
    return ledger;
}

std::future<Outcome> TestGateway::accept_and_wait(std::string session, std::string request) {
    return start([](GenerationService& service, std::string of, std::string what) -> net::awaitable<Outcome> {
        JobRequest asked{std::move(of), std::move(what)};
        const WatchedJob job = co_await service.accept_and_watch(std::move(asked));
        std::optional<JobEnd> end = co_await job.end();
        if (end->error) {
            std::rethrow_exception(end->error);
        }
        co_return std::move(end->outcome);
    }(*service_, std::move(session), std::move(request)));
}

JobState TestGateway::await_end(const std::string& id) {
    for (int i = 0; i < 30'000; ++i) {
        const std::optional<JobState> state = start(service_->find(id)).get();
        if (!state) {
            throw std::runtime_error{"there is no job " + id};
        }
        if (state->status != JobStatus::pending) {
            return *state;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    throw std::runtime_error{"half a minute was not enough for job " + id};
}

std::string prompt(const std::string& text) {
    Json request;
    request["contents"][0]["role"] = "user";
    request["contents"][0]["parts"][0]["text"] = text;
    return dump(request);
}

}  // namespace test
