// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_REHEARSAL_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_REHEARSAL_HPP

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

#include "../../support/asio.hpp"
#include "../complaints.hpp"
#include "../objects.hpp"
#include "../stage.hpp"
#include "../virtual_time.hpp"
#include "handlers.hpp"
#include "model.hpp"
#include "program.hpp"
#include "reader.hpp"

namespace sim::streams {

/// What is rehearsed. Another one stands between the simulation and these (see planted.cpp).
struct Real {
    using Pool = dispatch::WorkerPool<Request, dispatch::Stream<Part>, dispatch::LeastLoaded, Executor>;
    using Stream = dispatch::Stream<Part>;
    template <typename Writer>
    static Writer& writer(Writer& writer, const Executor& /*executor*/) noexcept {
        return writer;
    }
};

/// Carries out a program on a pool of streams, and compares what happens with the model. Once.
template <typename Subject = Real>
class Rehearsal {
  public:
    using Stream = typename Subject::Stream;
    using AwayStrand = Stage::AwayStrand;

    /// trace: where to tell what happens, or null.
    explicit Rehearsal(const Program& program, std::ostream* trace = nullptr) : program_{program} {
        stage_.out = trace;
    }

    /// What was wrong.
    std::vector<std::string> run() {
        set_up();
        for (const Op& op : program_.ops) {
            for (int i = 0; i != op.pause && (step() || pass_time()); ++i) {
            }
            perform(op);
        }
        finish();
        tear_down();
        complaints_.unless(Counted::live == live_before_, Counted::live - live_before_, " objects are left");
        return complaints_.list();
    }

    // What handlers and readers need.

    Model& model() noexcept { return model_; }
    const StreamPlan& plan(std::size_t stream) const { return program_.streams[stream]; }
    Executor home() { return Executor{*stage_.home}; }
    Executor away() { return Executor{*stage_.away}; }
    const AwayStrand& away_strand() const { return *stage_.away_strand; }
    template <typename Writer>
    decltype(auto) writer(Writer& writer) {
        return Subject::writer(writer, home());
    }

    /// While there is one, nothing may be completed.
    class Initiation {
      public:
        explicit Initiation(Rehearsal& stage) noexcept : stage_{stage} { ++stage_.initiating_; }
        Initiation(const Initiation&) = delete;
        Initiation& operator=(const Initiation&) = delete;
        ~Initiation() { --stage_.initiating_; }

      private:
        Rehearsal& stage_;
    };

    template <typename... Parts>
    void trace(const Parts&... parts) {
        stage_.trace(parts...);
    }

    void started(std::size_t stream) {
        trace("#", stream, " starts");
        complaints_.unless(initiating_ == 0, "#", stream, " started within another call");
        model_.started(stream);
    }

    void ended(std::size_t stream, Ending how) {
        trace("#", stream, "'s handler ends with ", name(how));
        model_.ended(stream, how);
    }

    std::size_t offers(std::size_t stream) {
        const std::size_t part = model_.offers(stream);
        trace("#", stream, " writes part ", part);
        return part;
    }

    void written(std::size_t stream, std::size_t part) {
        trace("#", stream, "'s part ", part, " is written");
        complaints_.unless(Context::running() == &*stage_.home, "#", stream, "'s write completed on another context");
        model_.written(stream, part);
    }

    void refused(std::size_t stream, std::size_t part, Ending why) {
        trace("#", stream, "'s part ", part, " is refused: ", name(why));
        model_.refused(stream, part, why);
    }

    void check_context(std::size_t stream, const dispatch::JobContext& context) {
        complaints_.unless(context.deadline() == records_[stream].deadline, "#", stream, "'s deadline is another one");
    }

    void check_place(std::size_t stream, const char* what) {
        const Place place = plan(stream).place;
        const bool right = place == Place::native ? stage_.home && Context::running() == &*stage_.home
                                                  : Context::running() == &*stage_.away;
        complaints_.unless(right, "#", stream, "'s ", what, " completed on another executor than its own");
        complaints_.unless(initiating_ == 0, "#", stream, "'s ", what, " completed within another call");
    }

    /// Whether there is an executor for a completion.
    bool can_complete(std::size_t stream) const { return stage_.home || plan(stream).place != Place::native; }

    /// Calls function after so many microseconds, whatever becomes of the pool.
    template <typename Function>
    void after(int time, Function function) {
        const auto timer = std::make_shared<Timer>(away(), stage_.away->now() + std::chrono::microseconds{time});
        timer->async_wait([timer, function](const net_error& error) {
            if (!error) {
                function();
            }
        });
    }

    /// One after the other.
    net::cancellation_type_t next_type() noexcept {
        static constexpr net::cancellation_type_t types[] = {
            net::cancellation_type::total, net::cancellation_type::partial, net::cancellation_type::terminal};
        return types[types_++ % 3];
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
    using Handle = dispatch::WorkerHandle<Request, dispatch::Stream<Part>, Executor>;

    struct Record {
        Record(Rehearsal& stage, std::size_t number) : reader{stage, number} {}

        net::cancellation_signal signal;
        std::optional<Time> deadline;
        bool submitted = false;
        bool opened = false;
        Reader<Rehearsal> reader;
    };

    /// Of a submit operation.
    class Reply {
      public:
        using cancellation_slot_type = net::cancellation_slot;

        Reply(Rehearsal& stage, std::size_t stream) noexcept : stage_{&stage}, stream_{stream} {}

        cancellation_slot_type get_cancellation_slot() const noexcept {
            return stage_->records_[stream_].signal.slot();
        }

        void operator()(const std::exception_ptr& error, Stream stream) {
            stage_->opened(stream_, error, std::move(stream));
        }

      private:
        Rehearsal* stage_;
        std::size_t stream_;
        Counted counted_;
    };

    template <typename Ex>
    class ReplyOn : public Reply {
      public:
        using executor_type = Ex;

        ReplyOn(Rehearsal& stage, std::size_t stream, const Ex& executor) noexcept
            : Reply{stage, stream}, executor_{executor} {}

        executor_type get_executor() const noexcept { return executor_; }

      private:
        Ex executor_;
    };

    void set_up() {
        stage_.set_up(program_.seed);
        switch (program_.handler) {
            case HandlerKind::erased:
                spawn(ErasedHandler<Rehearsal>{this, {}});
                break;
            case HandlerKind::context:
                spawn(ContextHandler<Rehearsal>{this, {}});
                break;
            case HandlerKind::typed:
                spawn(TypedHandler<Rehearsal>{this, {}});
                break;
        }
        pool_.emplace(handles_, program_.pool_options);
        for (std::size_t stream = 0; stream != program_.streams.size(); ++stream) {
            records_.emplace_back(*this, stream);
        }
    }

    template <typename Handler>
    void spawn(const Handler& handler) {
        handles_ = dispatch::spawn_workers<Request, dispatch::Stream<Part>, Executor>(home(), program_.workers, handler,
                                                                                      program_.worker_options);
    }

    void perform(const Op& op) {
        switch (op.kind) {
            case Op::Kind::submit:
                return submit(op.stream);
            case Op::Kind::cancel:
                return cancel(op.stream);
            case Op::Kind::destroy:
                records_[op.stream].reader.destroy();
                return;
            case Op::Kind::advance:
                return stage_.away->advance(std::chrono::microseconds{op.time});
            case Op::Kind::rest:
                while (step()) {
                }
                return check_rest();
            case Op::Kind::drain:
                return drain();
            case Op::Kind::stop:
                return stop();
            case Op::Kind::destroy_pool:
                return destroy_pool();
            case Op::Kind::destroy_handles:
                trace("the handles are destroyed");
                return handles_.clear();
            case Op::Kind::destroy_context:
                return destroy_context();
        }
    }

    void submit(std::size_t stream) {
        if (!pool_ || !stage_.home) {
            return;
        }
        Record& record = records_[stream];
        const StreamPlan& plan = this->plan(stream);
        record.submitted = true;
        std::string session;
        dispatch::SubmitOptions options;
        if (plan.session) {
            session = std::to_string(*plan.session);
            options.session = session;
        }
        if (plan.deadline) {
            record.deadline = stage_.away->now() + std::chrono::microseconds{*plan.deadline};
            options.deadline = record.deadline;
        }
        trace("#", stream, " is submitted");
        model_.submitted(stream, record.deadline,
                         !plan.try_submit && program_.pool_options.overflow == dispatch::Overflow::wait);
        const Initiation initiation{*this};
        switch (plan.place) {
            case Place::native:
                return launch(plan, options, stream, Reply{*this, stream});
            case Place::away:
                return launch(plan, options, stream, ReplyOn<Executor>{*this, stream, away()});
            case Place::strand:
                return launch(plan, options, stream, ReplyOn<AwayStrand>{*this, stream, *stage_.away_strand});
        }
    }

    template <typename Handler>
    void launch(const StreamPlan& plan, const dispatch::SubmitOptions& options, std::size_t stream, Handler&& handler) {
        Request request{JobNumber{stream}};
        if (plan.try_submit) {
            pool_->try_submit(options, std::move(request), std::move(handler));
        } else {
            pool_->submit(options, std::move(request), std::move(handler));
        }
    }

    void opened(std::size_t number, const std::exception_ptr& error, Stream&& stream) {
        Record& record = records_[number];
        record.opened = true;
        check_place(number, "submit()");
        if (error) {
            const Ending why = ending_of(error, number);
            trace("#", number, " hears ", name(why));
            return model_.opened(number, why);
        }
        trace("#", number, " is opened");
        model_.opened(number, std::nullopt);
        record.reader.begin(std::move(stream));
    }

    /// Of a submit operation on a strand there as well.
    void cancel(std::size_t stream) {
        if (plan(stream).place == Place::strand) {
            return net::post(*stage_.away_strand, [this, stream] { emit(stream); });
        }
        emit(stream);
    }

    void emit(std::size_t stream) {
        Record& record = records_[stream];
        if (record.submitted && !record.opened) {
            trace("#", stream, " is cancelled");
            model_.cancelled(stream);
            record.signal.emit(next_type());
        }
    }

    void drain() {
        if (pool_) {
            trace("drain");
            model_.closed();
            ++drains_;
            const Initiation initiation{*this};
            pool_->drain(net::bind_executor(away(), [this](const std::exception_ptr& error, const auto& /*ledger*/) {
                --drains_;
                trace("drained");
                complaints_.unless(!error, "a drain failed");
                complaints_.unless(!stage_.home || !model_.any_running(), "a drain completed while a handler runs");
            }));
        }
    }

    void destroy_context() {
        if (stage_.home) {
            trace("the context is destroyed");
            model_.context_gone();
            stage_.home.reset();
            for (Record& record : records_) {
                net::post(away(), [&record] { record.reader.context_gone(); });
            }
        }
    }

    /// Runs something; false when nothing is ready.
    bool step() { return stage_.step(program_.creep); }

    /// Moves the time on to when something will be ready; false when nothing ever will be.
    bool pass_time() {
        check_rest();
        return stage_.pass_time();
    }

    void run_to_the_end() {
        while (step() || pass_time()) {
        }
    }

    void check_rest() {
        if (pool_ && stage_.home) {
            std::size_t in_flight = 0;
            for (const dispatch::WorkerMetrics& row : pool_->worker_metrics()) {
                in_flight += row.inflight;
            }
            model_.check_rest(in_flight);
        }
    }

    void finish() {
        run_to_the_end();
        // Those that were kept: with each that goes another one may come.
        for (bool kept = true; kept;) {
            kept = false;
            for (Record& record : records_) {
                kept |= record.reader.destroy();
            }
            run_to_the_end();
        }
        model_.check_end();
        complaints_.unless(drains_ == 0 || !stage_.home, "an idle pool is not drained");
        if (stage_.home) {
            complaints_.unless(stage_.home->outstanding_work() == 0 && stage_.away->outstanding_work() == 0,
                               "an idle pool keeps a context from running out of work");
        }
        for (const Handle& handle : handles_) {
            complaints_.unless(handle.load() == 0, "worker ", handle.id(), "'s load is ", handle.load());
        }
        if (pool_) {
            model_.check_ledger(pool_->ledger());
        }
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

    const Program& program_;
    const long live_before_ = Counted::live;
    Complaints complaints_;
    Model model_{program_, complaints_, [this] { return stage_.away->now(); }};
    Stage stage_;
    std::deque<Record> records_;
    std::vector<Handle> handles_;
    std::optional<typename Subject::Pool> pool_;
    int initiating_ = 0;
    int drains_ = 0;
    unsigned types_ = 0;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_REHEARSAL_HPP
