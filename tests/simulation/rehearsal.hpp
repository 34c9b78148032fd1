// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_REHEARSAL_HPP
#define DISPATCH_TESTS_SIMULATION_REHEARSAL_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "callers.hpp"
#include "complaints.hpp"
#include "handlers.hpp"
#include "model.hpp"
#include "objects.hpp"
#include "program.hpp"
#include "stage.hpp"
#include "virtual_time.hpp"

namespace sim {

/// One of the library's policies, as the program says.
struct Policy {
    std::variant<dispatch::LeastLoaded, dispatch::RoundRobin, dispatch::PowerOfTwoChoices> chosen;

    static Policy of(PolicyKind kind) {
        switch (kind) {
            case PolicyKind::least_loaded:
                return {dispatch::LeastLoaded{}};
            case PolicyKind::round_robin:
                return {dispatch::RoundRobin{}};
            default:
                return {dispatch::PowerOfTwoChoices{}};
        }
    }

    template <dispatch::LoadView V>
    dispatch::Choice pick(const V& view, dispatch::Purpose purpose) noexcept {
        return std::visit([&](auto& policy) { return policy.pick(view, purpose); }, chosen);
    }
};

using Handle = dispatch::WorkerHandle<Request, Response, Executor>;
using RealPool = dispatch::WorkerPool<Request, Response, Policy, Executor>;

/// Carries out a program on a Pool, and compares what happens with the model. Once.
template <typename Pool = RealPool>
class Rehearsal {
  public:
    using AwayStrand = Stage::AwayStrand;

    /// trace: where to tell what happens, or null.
    explicit Rehearsal(const Program& program, std::ostream* trace = nullptr) : program_{program} {
        stage_.out = trace;
    }

    /// What was wrong.
    std::vector<std::string> run() {
        {
            set_up();
            for (const Op& op : program_.ops) {
                for (int i = 0; i != op.pause && (step() || pass_time()); ++i) {
                }
                perform(op);
            }
            finish();
            tear_down();
        }
        complaints_.unless(Counted::live == live_before_, Counted::live - live_before_, " objects are left");
        return complaints_.list();
    }

    // What the handlers of workers and callers need.

    Model& model() noexcept { return model_; }
    const JobPlan& plan(std::size_t job) const { return program_.jobs[job]; }
    Executor home() { return Executor{*stage_.home}; }
    Executor away() { return Executor{*stage_.away}; }
    void went_away() noexcept { ++travellers_; }
    void came_back() noexcept { --travellers_; }

    void started(std::size_t job) {
        trace("#", job, " starts");
        complaints_.unless(initiating_ == 0, "#", job, " started within submit()");
        complaints_.unless(stage_.home && Context::running() == &*stage_.home, "#", job, " started on another context");
        model_.started(job, records_[job].worker);
    }

    /// The worker whose handler was called.
    void starts_on(std::size_t job, std::size_t worker) {
        records_[job].worker = worker;
        if (model_.routed_to(job) != worker) {
            trace("#", job, " has moved to worker ", worker);
        }
    }

    void check_context(std::size_t job, const dispatch::JobContext& context) {
        const JobPlan& plan = this->plan(job);
        const Record& record = records_[job];
        complaints_.unless(context.session() == (plan.session ? session_name(*plan.session) : ""), "#", job,
                           "'s session is ", context.session());
        complaints_.unless(context.deadline() == deadline(job), "#", job, "'s deadline is another one");
        complaints_.unless(context.queued_for() == stage_.away->now() - record.submitted_at, "#", job,
                           "'s wait is wrong");
        complaints_.unless(context.moved() == model_.moves(job, context.worker_id()), "#", job,
                           context.moved() ? " believes" : " does not know", " that it has moved");
        starts_on(job, context.worker_id());
    }

    bool can_submit(std::size_t job) const {
        const Caller caller = plan(job).caller;
        const bool native = caller == Caller::native || caller == Caller::allocating || caller == Caller::coroutine;
        return pool_ && (stage_.home || !native);
    }

    void submit(std::size_t job) {
        if (!can_submit(job)) {
            return;
        }
        net::cancellation_slot slot = records_[job].signal.slot();
        switch (plan(job).caller) {
            case Caller::native:
                return launch(job, Reply<Rehearsal>{*this, job, slot});
            case Caller::allocating:
                return launch(job, AllocatingReply<Rehearsal>{*this, job, slot});
            case Caller::away:
                return launch(job, ReplyOn<Rehearsal, Executor>{away(), *this, job, slot});
            case Caller::away_any:
                return launch(job, ReplyOn<Rehearsal, net::any_io_executor>{away(), *this, job, slot});
            case Caller::away_strand:
                return launch(job, ReplyOn<Rehearsal, AwayStrand>{*stage_.away_strand, *this, job, slot});
            case Caller::coroutine:
                return spawn_client(home(), job);
            case Caller::away_coroutine:
                return spawn_client(away(), job);
        }
    }

    /// For a coroutine that is to await job.
    template <typename Ex>
    auto initiate(std::size_t job) {
        return net::async_initiate<const net::use_awaitable_t<Ex>, void(std::exception_ptr, Response)>(
            [this, job](auto&& handler) { this->launch(job, std::move(handler)); }, net::use_awaitable_t<Ex>{});
    }

    void completed(std::size_t job, std::exception_ptr error, const Response& response) {
        const Ending ending = error ? ending_of(error, job) : Ending::value;
        trace("#", job, " hears ", name(ending));
        complaints_.unless(initiating_ == 0, "#", job, " was completed within submit()");
        complaints_.unless(runs_where_it_should(job), "#", job, " was completed on another executor than its own");
        complaints_.unless(response.job.value == (error ? no_job : job), "#", job, " got the response of #",
                           response.job.value);
        model_.completed(job, ending);
        check_figures();
        if (plan(job).then) {
            submit(*plan(job).then);
        }
    }

    /// For a coroutine, with the exception that is being handled.
    void completed_with_error(std::size_t job) {
        // Cancelled before it came to it, it has not submitted anything.
        if (records_[job].submitted) {
            completed(job, std::current_exception(), Response{});
        }
    }

    void drained(std::size_t number, std::exception_ptr error, const dispatch::Ledger& ledger) {
        Drain& drain = drains_[number];
        trace("drain ", number, error ? " is cancelled" : " completes");
        complaints_.unless(!drain.completed, "a drain completed twice");
        complaints_.unless(!error || drain.cancelled, "a drain failed");
        complaints_.unless(initiating_ == 0, "a drain completed within drain()");
        complaints_.unless(stage_.away_strand->running_in_this_thread(), "a drain completed on another executor");
        complaints_.unless(error || !model_.is_busy(), "a drain completed though the pool was not idle");
        complaints_.unless(error || !stage_.home || Model::adds_up(ledger), "a drain's ledger does not add up");
        drain.completed = true;
    }

    void stop() {
        if (pool_) {
            trace("stop");
            model_.stopped();
            pool_->stop();
        }
    }

    void destroy_pool() {
        if (pool_) {
            trace("the pool is destroyed");
            model_.stopped();
            pool_.reset();
        }
    }

  private:
    struct Record {
        /// Whose handler has begun to run it.
        std::size_t worker = 0;
        net::cancellation_signal signal;
        Time submitted_at{};
        /// Its client, a coroutine, has begun.
        bool begun = false;
        bool submitted = false;
        /// A handler waits for it, on its worker's strand, whatever the job's plan.
        bool awaited_by_handler = false;
    };

    struct Drain {
        net::cancellation_signal signal;
        bool completed = false;
        bool cancelled = false;
    };

    template <typename... Parts>
    void trace(const Parts&... parts) {
        stage_.trace(parts...);
    }

    void set_up() {
        stage_.set_up(program_.seed);
        switch (program_.handler) {
            case HandlerKind::coroutine:
                spawn(CoroutineHandler<Rehearsal>{this, {}});
                break;
            case HandlerKind::typed_coroutine:
                spawn(TypedHandler<Rehearsal>{this, {}});
                break;
            case HandlerKind::plain:
                spawn(PlainHandler<Rehearsal>{this, {}});
                break;
        }
        pool_.emplace(handles_, program_.pool_options, Policy::of(program_.policy));
        for (std::size_t i = 0; i != program_.jobs.size(); ++i) {
            records_.emplace_back();
        }
        for (const JobPlan& plan : program_.jobs) {
            for (const Step& step : plan.script) {
                if (step.kind == Step::Kind::await) {
                    records_[step.job].awaited_by_handler = true;
                }
            }
        }
    }

    template <typename Handler>
    void spawn(const Handler& handler) {
        const std::size_t together = program_.apart ? 1 : program_.workers;
        while (handles_.size() != program_.workers) {
            const auto numbered = [&, first = handles_.size()](std::size_t number) {
                Handler copy = handler;
                if constexpr (requires { copy.worker; }) {
                    copy.worker = first + number;
                }
                return copy;
            };
            for (Handle& handle : dispatch::spawn_workers<Request, Response, Executor>(
                     home(), together, dispatch::per_worker(numbered), program_.worker_options)) {
                handles_.push_back(std::move(handle));
            }
        }
    }

    void perform(const Op& op) {
        switch (op.kind) {
            case Op::Kind::submit:
                return submit(op.job);
            case Op::Kind::cancel_total:
                return cancel(op.job, net::cancellation_type::total);
            case Op::Kind::cancel_partial:
                return cancel(op.job, net::cancellation_type::partial);
            case Op::Kind::cancel_terminal:
                return cancel(op.job, net::cancellation_type::terminal);
            case Op::Kind::advance:
                stage_.away->advance(std::chrono::microseconds{op.time});
                return;
            case Op::Kind::rest:
                while (step()) {
                }
                return check_rest();
            case Op::Kind::drain:
                return drain();
            case Op::Kind::cancel_drain:
                return cancel_drain();
            case Op::Kind::stop:
                return stop();
            case Op::Kind::destroy_pool:
                return destroy_pool();
            case Op::Kind::destroy_handles:
                trace("the handles are destroyed");
                handles_.clear();
                return;
            case Op::Kind::destroy_context:
                return destroy_context();
        }
    }

    template <typename Handler>
    void launch(std::size_t job, Handler&& handler) {
        // Sessions do not expire at the same instant: the model need not know which of two makes room.
        stage_.away->advance(std::chrono::nanoseconds{1});
        Record& record = records_[job];
        record.submitted = true;
        record.submitted_at = stage_.away->now();
        const JobPlan& plan = this->plan(job);
        trace("#", job, " is submitted");
        const auto before = pool_->worker_metrics();
        const bool may_wait = !plan.try_submit && program_.pool_options.overflow == dispatch::Overflow::wait;
        ++initiating_;
        {
            std::string session;
            dispatch::SubmitOptions options;
            options.deadline = deadline(job);
            if (plan.session) {
                session = session_name(*plan.session);
                options.session = session;
            }
            if (plan.miss_cost) {
                options.miss_cost = std::chrono::microseconds{*plan.miss_cost};
            }
            Request request{JobNumber{job}};
            if (plan.try_submit) {
                pool_->try_submit(options, std::move(request), std::forward<Handler>(handler));
            } else {
                pool_->submit(options, std::move(request), std::forward<Handler>(handler));
            }
        }
        --initiating_;
        model_.submitted(job, plan, may_wait, deadline(job), before, pool_->worker_metrics());
        check_figures();
    }

    static net::awaitable<void> client(Rehearsal& self, std::size_t job) {
        self.records_[job].begun = true;
        try {
            co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
            if (self.can_submit(job)) {
                Response response = co_await self.template initiate<net::any_io_executor>(job);
                self.completed(job, nullptr, response);
            }
        } catch (...) {
            self.completed_with_error(job);
        }
    }

    void spawn_client(const Executor& executor, std::size_t job) {
        net::co_spawn(executor, client(*this, job),
                      net::bind_cancellation_slot(records_[job].signal.slot(),
                                                  [this, job, counted = Counted{}](const std::exception_ptr& error) {
                                                      complaints_.unless(!error, "#", job, "'s coroutine failed");
                                                  }));
    }

    void cancel(std::size_t job, net::cancellation_type type) {
        switch (plan(job).caller) {
            case Caller::coroutine:
            case Caller::away_coroutine:
                // Not before, for the reason that is given where a handler sleeps elsewhere.
                // Nor after the context that the signal would go to.
                if (records_[job].begun && (stage_.home || plan(job).caller == Caller::away_coroutine)) {
                    // A coroutine may miss the signal: it is not for the model to know.
                    model_.may_be_cancelled(job);
                    trace("#", job, " may be cancelled");
                    records_[job].signal.emit(type);
                }
                return;
            case Caller::away_strand:
                return net::post(*stage_.away_strand, [this, job, type] { emit(job, type); });
            default:
                return emit(job, type);
        }
    }

    void emit(std::size_t job, net::cancellation_type type) {
        if (records_[job].submitted && !records_[job].awaited_by_handler && !model_.is_completed(job)) {
            trace("#", job, " is cancelled");
            model_.cancelled(job);
            records_[job].signal.emit(type);
        }
    }

    void drain() {
        if (pool_) {
            trace("drain ", drains_.size());
            Drain& drain = drains_.emplace_back();
            model_.closed();
            ++initiating_;
            pool_->drain(DrainReply<Rehearsal>{*this, drains_.size() - 1, drain.signal.slot(), *stage_.away_strand});
            --initiating_;
        }
    }

    void cancel_drain() {
        if (!drains_.empty()) {
            net::post(*stage_.away_strand, [&drain = drains_.back()] {
                drain.cancelled = true;
                drain.signal.emit(net::cancellation_type::terminal);
            });
        }
    }

    /// Not while a coroutine of it waits for another context's: Asio does not allow that.
    void destroy_context() {
        if (stage_.home && travellers_ == 0) {
            trace("the context is destroyed");
            model_.context_gone();
            stage_.home.reset();
        }
    }

    /// Runs something; false when nothing is ready.
    bool step() {
        if (!stage_.step(program_.creep)) {
            return false;
        }
        check_figures();
        return true;
    }

    /// Moves the time on to when something will be ready; false when nothing ever will be.
    bool pass_time() {
        check_rest();
        return stage_.pass_time();
    }

    void run_to_the_end() {
        while (step() || pass_time()) {
        }
    }

    void finish() {
        run_to_the_end();
        if (model_.any_open() && may_hang()) {
            stop();
            run_to_the_end();
        }
        for (std::size_t job = 0; job != program_.jobs.size(); ++job) {
            complaints_.unless(!model_.is_open(job), "#", job, " has not ended");
        }
        if (stage_.home) {
            complaints_.unless(model_.is_idle(), "the pool is not idle");
            complaints_.unless(stage_.home->outstanding_work() == 0,
                               "an idle pool keeps its context from running out of work");
            complaints_.unless(stage_.away->outstanding_work() == 0,
                               "an idle pool keeps another context from running out of work");
        }
        for (const Handle& handle : handles_) {
            complaints_.unless(handle.load() == 0, "worker ", handle.id(), "'s load is ", handle.load());
        }
        if (pool_) {
            complaints_.unless(Model::adds_up(pool_->ledger()), "the ledger does not add up");
        }
        if (pool_ && stage_.home) {
            std::uint64_t errors = 0;
            std::uint64_t moved = 0;
            for (const dispatch::WorkerMetrics& row : pool_->worker_metrics()) {
                errors += row.errors;
                moved += row.moved;
            }
            model_.check_ledger(pool_->ledger(), errors, moved);
        }
    }

    /// Some jobs end only when they are cancelled.
    bool may_hang() const {
        return std::any_of(program_.jobs.begin(), program_.jobs.end(), [](const JobPlan& plan) {
            return std::any_of(plan.script.begin(), plan.script.end(), [](const Step& step) {
                return step.kind == Step::Kind::forever || step.kind == Step::Kind::await;
            });
        });
    }

    void tear_down() {
        destroy_pool();
        handles_.clear();
        run_to_the_end();
        complaints_.unless(!stage_.home || Counted::live == live_before_, Counted::live - live_before_,
                           " objects outlive their pool and its handles");
        stage_.home.reset();
        run_to_the_end();
        stage_.clear();
    }

    void check_figures() {
        if (pool_ && initiating_ == 0) {
            model_.check_figures(pool_->worker_metrics());
        }
    }

    void check_rest() {
        model_.check_rest();
        if (stage_.home) {
            complaints_.unless(
                !model_.any_running() || stage_.home->outstanding_work() + stage_.away->outstanding_work() != 0,
                "a busy pool lets its context run out of work");
            for (const Drain& drain : drains_) {
                complaints_.unless(drain.completed || !model_.is_idle(), "an idle pool is not drained");
            }
        }
    }

    bool runs_where_it_should(std::size_t job) const {
        if (records_[job].awaited_by_handler) {
            return Context::running() == &*stage_.home;
        }
        switch (plan(job).caller) {
            case Caller::native:
            case Caller::allocating:
            case Caller::coroutine:
                return stage_.home && Context::running() == &*stage_.home;
            case Caller::away:
            case Caller::away_any:
            case Caller::away_coroutine:
                return Context::running() == &*stage_.away;
            case Caller::away_strand:
                return stage_.away_strand->running_in_this_thread();
        }
        return false;
    }

    Ending ending_of(const std::exception_ptr& error, std::size_t job) {
        try {
            std::rethrow_exception(error);
        } catch (const HandlerError& e) {
            return e.what() == std::string{HandlerError{job}.what()} ? Ending::handler_error : Ending::other;
        } catch (const std::system_error& e) {
            if (e.code() == dispatch::errc::queue_full) {
                return Ending::queue_full;
            }
            if (e.code() == dispatch::errc::deadline_exceeded) {
                return Ending::deadline_exceeded;
            }
            if (e.code() == dispatch::errc::stopped) {
                return Ending::stopped;
            }
            if (e.code() == dispatch::errc::abandoned) {
                return Ending::abandoned;
            }
            return current_ending();
        } catch (...) {
            return current_ending();
        }
    }

    std::optional<Time> deadline(std::size_t job) const {
        const auto& after = plan(job).deadline;
        return after ? std::optional{records_[job].submitted_at + std::chrono::microseconds{*after}} : std::nullopt;
    }

    static std::string session_name(int session) {
        std::string name{"a session whose name has to be copied, "};
        name += std::to_string(session);
        return name;
    }

    const Program& program_;
    const long live_before_ = Counted::live;
    Complaints complaints_;
    Model model_{program_, complaints_, [this] { return stage_.away->now(); }};
    /// The signals outlive those who listen to them.
    std::deque<Record> records_;
    std::deque<Drain> drains_;
    Stage stage_;
    std::vector<Handle> handles_;
    std::optional<Pool> pool_;
    int initiating_ = 0;
    int travellers_ = 0;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_REHEARSAL_HPP
