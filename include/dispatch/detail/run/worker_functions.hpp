// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_WORKER_FUNCTIONS_HPP
#define DISPATCH_DETAIL_RUN_WORKER_FUNCTIONS_HPP

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/batcher.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/run/handler_host.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// All that code with the types of requests, responses and handlers calls of a worker and its lanes: the border of what
/// is compiled once with DISPATCH_SEPARATE_COMPILATION. See Worker and Lanes for what the functions do.
template <typename Executor>
struct WorkerFunctions {
    using Worker = detail::Worker<Executor>;
    using Node = JobNode<Executor>;
    using Outcome = typename Worker::Outcome;
    using Hosts = std::vector<std::unique_ptr<HandlerHost<Executor>>>;

    /// Throws std::invalid_argument if n workers with such options cannot be started.
    static void check(std::size_t n, const WorkerOptions& options);
    /// Starts a worker for each of hosts. Each is closed when the last copy of what it returns is gone.
    static std::vector<std::shared_ptr<Worker>> start(const Executor& executor, Hosts hosts,
                                                      const WorkerOptions& options, bool wants_times);

    template <typename LaneExecutor>
    static void start_lane(Worker& worker, Lane& lane, net::awaitable<void, LaneExecutor> coroutine);

    /// Goes on on the strand: the handler has left it.
    template <typename LaneExecutor>
    static net::awaitable<void, LaneExecutor> return_to_strand(Worker& worker);

    static void begin_lane(Worker& worker, Lane& lane) noexcept;
    static bool try_yield(Worker& worker);
    static void end_lane(Worker& worker, Lane& lane) noexcept;
    static bool rest(Worker& worker, Lane& lane);

    static Node* next_job(Worker& worker, Lane& lane);
    static bool claim_reply(Worker& worker, Node& job) noexcept;
    static void end(Worker& worker, Node& job, Lane& lane, Outcome outcome) noexcept;
    /// Ends a job whose lane's coroutine is destroyed in the midst of the handler.
    static void abandon(Worker& worker, Node& job, Lane& lane) noexcept;
    static void abandon_with_context(Worker& worker, Node& job, Lane& lane) noexcept;
};

template <typename Executor>
DISPATCH_BORDER void WorkerFunctions<Executor>::check(std::size_t n, const WorkerOptions& options) {
    validate(options);
    check_range("spawn_workers: n", n, 1, std::size_t{1} << 20);
}

template <typename Executor>
DISPATCH_BORDER auto WorkerFunctions<Executor>::start(const Executor& executor, Hosts hosts,
                                                      const WorkerOptions& options, bool wants_times)
    -> std::vector<std::shared_ptr<Worker>> {
    const auto batcher = std::make_shared<Batcher<Executor>>(executor);
    listen(batcher, executor);
    std::vector<std::shared_ptr<Worker>> workers;
    workers.reserve(hosts.size());
    for (std::size_t id = 0; id != hosts.size(); ++id) {
        auto worker = std::make_shared<Worker>(std::move(hosts[id]), executor, batcher, id, options, wants_times);
        workers.push_back(std::shared_ptr<Worker>{worker.get(), [worker](Worker*) { worker->close(); }});
        worker->start();
    }
    return workers;
}

template <typename Executor>
template <typename LaneExecutor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::start_lane(Worker& worker, Lane& lane,
                                                            net::awaitable<void, LaneExecutor> coroutine) {
    worker.lanes().start(lane, std::move(coroutine));
}

template <typename Executor>
template <typename LaneExecutor>
DISPATCH_FORWARD net::awaitable<void, LaneExecutor> WorkerFunctions<Executor>::return_to_strand(Worker& worker) {
    return net::post(LaneExecutor{worker.lanes().handler_executor()}, net::use_awaitable_t<LaneExecutor>{});
}

template <typename Executor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::begin_lane(Worker& worker, Lane& lane) noexcept {
    worker.lanes().begin(lane);
}

template <typename Executor>
DISPATCH_FORWARD bool WorkerFunctions<Executor>::try_yield(Worker& worker) {
    return worker.lanes().try_yield();
}

template <typename Executor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::end_lane(Worker& worker, Lane& lane) noexcept {
    worker.lanes().end(lane);
}

template <typename Executor>
DISPATCH_FORWARD bool WorkerFunctions<Executor>::rest(Worker& worker, Lane& lane) {
    return worker.lanes().rest(lane);
}

template <typename Executor>
DISPATCH_FORWARD auto WorkerFunctions<Executor>::next_job(Worker& worker, Lane& lane) -> Node* {
    return worker.next_job(lane);
}

template <typename Executor>
DISPATCH_FORWARD bool WorkerFunctions<Executor>::claim_reply(Worker& worker, Node& job) noexcept {
    return worker.claim_reply(job);
}

template <typename Executor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::end(Worker& worker, Node& job, Lane& lane, Outcome outcome) noexcept {
    worker.end(job, lane, outcome);
}

template <typename Executor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::abandon(Worker& worker, Node& job, Lane& lane) noexcept {
    worker.abandon(job, lane);
}

template <typename Executor>
DISPATCH_FORWARD void WorkerFunctions<Executor>::abandon_with_context(Worker& worker, Node& job, Lane& lane) noexcept {
    worker.abandon_with_context(job, lane);
}

#if defined(DISPATCH_SEPARATE_COMPILATION) && !defined(DISPATCH_SOURCE)
extern template struct WorkerFunctions<net::any_io_executor>;
extern template void WorkerFunctions<net::any_io_executor>::start_lane(Worker&, Lane&, net::awaitable<void>);
extern template net::awaitable<void> WorkerFunctions<net::any_io_executor>::return_to_strand(Worker&);
#endif

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_WORKER_FUNCTIONS_HPP
