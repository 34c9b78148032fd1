// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_HANDLERS_HPP
#define DISPATCH_TESTS_SIMULATION_HANDLERS_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <dispatch/job.hpp>

#include "../support/asio.hpp"
#include "model.hpp"
#include "objects.hpp"
#include "program.hpp"
#include "virtual_time.hpp"

namespace sim {

/// The workers' handlers: they do what the job's script says. Stage is the Rehearsal that they are part of.

/// A job in a handler. Tells the model when it begins and ends.
template <typename Stage>
class Running {
  public:
    Running(Stage& stage, const Request& request) : stage_{stage}, job_{request.job.value} { stage_.started(job_); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        if (away_) {
            stage_.came_back();
        }
        if (!ended_) {
            stage_.model().abandoned(job_, vanishes);
        }
    }

    std::size_t job() const noexcept { return job_; }
    const JobPlan& plan() const noexcept { return stage_.plan(job_); }

    void end(Ending how) {
        ended_ = true;
        stage_.model().ended(job_, how);
    }

    /// From now on a coroutine of another context's waits for the job's.
    void go_away() {
        stage_.model().travels(job_);
        if (!std::exchange(away_, true)) {
            stage_.went_away();
        }
    }

    /// It will hear no cancellation any more, or not all of them.
    bool deaf = false;
    /// What it awaits will not come.
    bool vanishes = false;

  private:
    Stage& stage_;
    const std::size_t job_;
    bool ended_ = false;
    bool away_ = false;
};

inline net::awaitable<void> sleep_elsewhere(Executor executor, int time) {
    Timer timer{executor, Clock::now() + std::chrono::microseconds{time}};
    co_await timer.async_wait(net::use_awaitable);
}

template <typename Ex, typename Stage>
net::awaitable<void, Ex> sleep(Stage& stage, Running<Stage>& running, Time until) {
    const net::use_awaitable_t<Ex> use_awaitable;
    Timer timer{stage.home(), until};
    stage.model().listens(running.job(), !running.deaf);
    co_await timer.async_wait(use_awaitable);
    stage.model().listens(running.job(), false);
}

/// Awaits something that lets go of its completion handler, as a client library does at its own shutdown.
template <typename Ex, typename Stage>
net::awaitable<void, Ex> vanish(Stage& stage, Running<Stage>& running, int time) {
    running.vanishes = true;
    co_await net::async_initiate<const net::use_awaitable_t<Ex>, void()>(
        [&](auto&& handler) {
            const auto timer = std::make_shared<Timer>(stage.home(), Clock::now() + std::chrono::microseconds{time});
            timer->async_wait([timer, dropped = std::make_shared<std::decay_t<decltype(handler)>>(std::move(handler))](
                                  const net_error& /*error*/) {});
        },
        net::use_awaitable_t<Ex>{});
}

/// Does one step of a script that may take its time.
template <typename Ex, typename Stage>
net::awaitable<void, Ex> take(Stage& stage, Running<Stage>& running, const Step& step) {
    const net::use_awaitable_t<Ex> use_awaitable;
    switch (step.kind) {
        case Step::Kind::yield:
            co_await net::post(use_awaitable);
            break;
        case Step::Kind::stubborn:
            running.deaf = true;
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
            [[fallthrough]];
        case Step::Kind::sleep:
            co_await sleep<Ex>(stage, running, Clock::now() + std::chrono::microseconds{step.time});
            break;
        case Step::Kind::forever:
            // Who may have missed the signal that it is to end would never do so.
            if (!running.deaf) {
                co_await sleep<Ex>(stage, running, Time::max());
            }
            break;
        case Step::Kind::reset:
            running.deaf = true;
            co_await net::this_coro::throw_if_cancelled(false);
            co_await net::this_coro::reset_cancellation_state();
            break;
        case Step::Kind::await:
            if (stage.can_submit(step.job)) {
                stage.model().may_be_cancelled(step.job);
                try {
                    Response response = co_await stage.template initiate<Ex>(step.job);
                    stage.completed(step.job, nullptr, response);
                } catch (...) {
                    stage.completed_with_error(step.job);
                }
            }
            break;
        case Step::Kind::elsewhere:
            running.go_away();
            // Not to be cancelled: of a coroutine that is before its first step, Asio 1.28 and Boost 1.81 let the
            // exception out of the context's run().
            co_await net::co_spawn(stage.away(), sleep_elsewhere(stage.away(), step.time),
                                   net::bind_cancellation_slot(net::cancellation_slot{}, use_awaitable));
            break;
        case Step::Kind::hop: {
            running.go_away();
            const Executor away = stage.away();
            co_await net::post(net::bind_executor(away, use_awaitable));
            break;
        }
        case Step::Kind::vanish:
            co_await vanish<Ex>(stage, running, step.time);
            break;
        default:
            break;
    }
}

/// Does one step that takes no time.
template <typename Stage>
void take_at_once(Stage& stage, Running<Stage>& running, const Step& step) {
    switch (step.kind) {
        case Step::Kind::submit:
            return stage.submit(step.job);
        case Step::Kind::stop:
            return stage.stop();
        case Step::Kind::destroy:
            return stage.destroy_pool();
        case Step::Kind::fail:
            throw HandlerError{running.job()};
        default:
            return;
    }
}

/// How the exception that is being handled ends a handler.
inline Ending current_ending() {
    try {
        throw;
    } catch (const HandlerError&) {
        return Ending::handler_error;
    } catch (const std::system_error& error) {
        return error.code() == net::error::make_error_code(net::error::operation_aborted) ? Ending::aborted
                                                                                          : Ending::other;
#if defined(DISPATCH_USE_BOOST_ASIO)
    } catch (const boost::system::system_error& error) {
        return error.code() == net::error::make_error_code(net::error::operation_aborted) ? Ending::aborted
                                                                                          : Ending::other;
#endif
    } catch (...) {
        return Ending::other;
    }
}

template <typename Ex, typename Stage>
net::awaitable<Response, Ex> perform(Stage& stage, Request request) {
    Running<Stage> running{stage, request};
    try {
        for (const Step& step : running.plan().script) {
            take_at_once(stage, running, step);
            co_await take<Ex>(stage, running, step);
        }
    } catch (...) {
        running.end(current_ending());
        throw;
    }
    running.end(Ending::value);
    Response response{JobNumber{running.job()}};
    co_return response;
}

template <typename Stage>
struct CoroutineHandler {
    Stage* stage;
    Counted counted;

    net::awaitable<Response> operator()(Request request, dispatch::JobContext& context) const {
        stage->check_context(request.job.value, context);
        return perform<net::any_io_executor>(*stage, std::move(request));
    }
};

template <typename Stage>
struct TypedHandler {
    using WorkerExecutor = dispatch::WorkerExecutor<Executor>;
    Stage* stage;
    Counted counted;
    /// No JobContext says it.
    std::size_t worker = 0;

    net::awaitable<Response, WorkerExecutor> operator()(Request request) const {
        stage->starts_on(request.job.value, worker);
        return perform<WorkerExecutor>(*stage, std::move(request));
    }
};

template <typename Stage>
struct PlainHandler {
    Stage* stage;
    Counted counted;

    Response operator()(Request request, dispatch::JobContext& context) const {
        stage->check_context(request.job.value, context);
        Running<Stage> running{*stage, request};
        try {
            for (const Step& step : running.plan().script) {
                take_at_once(*stage, running, step);
            }
        } catch (...) {
            running.end(current_ending());
            throw;
        }
        running.end(Ending::value);
        return Response{JobNumber{running.job()}};
    }
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_HANDLERS_HPP
