// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_HANDLERS_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_HANDLERS_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <system_error>
#include <utility>

#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/stream.hpp>

#include "../../support/asio.hpp"
#include "../objects.hpp"
#include "../virtual_time.hpp"
#include "model.hpp"
#include "program.hpp"

namespace sim::streams {

/// The workers' handlers: they write what the plan of their stream says. Stage is the Rehearsal that they are part of.

struct Part {
    JobNumber stream;
    std::size_t index;
};

inline Ending ending_of(const std::error_code& code) {
    if (code == net::error::make_error_code(net::error::operation_aborted)) {
        return Ending::aborted;
    }
    if (code == net::error::make_error_code(net::error::broken_pipe)) {
        return Ending::broken_pipe;
    }
    if (code == std::errc::operation_in_progress) {
        return Ending::busy;
    }
    if (code == dispatch::errc::queue_full) {
        return Ending::queue_full;
    }
    if (code == dispatch::errc::deadline_exceeded) {
        return Ending::deadline_exceeded;
    }
    if (code == dispatch::errc::stopped) {
        return Ending::stopped;
    }
    return code == dispatch::errc::abandoned ? Ending::abandoned : Ending::other;
}

/// What error is, of the stream of that number.
inline Ending ending_of(const std::exception_ptr& error, std::size_t stream) {
    try {
        std::rethrow_exception(error);
    } catch (const HandlerError& e) {
        return e.what() == std::string{HandlerError{stream}.what()} ? Ending::handler_error : Ending::other;
    } catch (const std::system_error& e) {
        return ending_of(e.code());
#if defined(DISPATCH_USE_BOOST_ASIO)
    } catch (const boost::system::system_error& e) {
        return ending_of(std::error_code{e.code()});
#endif
    } catch (...) {
        return Ending::other;
    }
}

/// A stream in its handler. Tells the model when that begins and ends.
template <typename Stage>
class Running {
  public:
    Running(Stage& stage, std::size_t stream) : stage_{stage}, stream_{stream} { stage.started(stream); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        if (!ended_) {
            stage_.model().abandoned(stream_);
        }
    }

    void end(Ending how) {
        ended_ = true;
        stage_.ended(stream_, how);
    }

    std::size_t stream() const noexcept { return stream_; }
    void listens(bool listens) { stage_.model().listens(stream_, listens && !deaf); }

    bool deaf = false;

  private:
    Stage& stage_;
    const std::size_t stream_;
    bool ended_ = false;
};

template <typename Ex, typename Stage, typename Writer>
net::awaitable<void, Ex> write(Stage& stage, Running<Stage>& running, Writer& out) {
    const std::size_t part = stage.offers(running.stream());
    const auto state = co_await net::this_coro::cancellation_state;
    running.listens(state.cancelled() == net::cancellation_type::none);  // it hears none for a second time
    Part written{JobNumber{running.stream()}, part};  // GCC 12 destroys such temporaries of a co_await twice
    try {
        co_await out.write(std::move(written), net::use_awaitable_t<Ex>{});
    } catch (...) {
        running.listens(false);
        stage.refused(running.stream(), part, ending_of(std::current_exception(), running.stream()));
        throw;
    }
    running.listens(false);
    stage.written(running.stream(), part);
}

template <typename Stage, typename Writer>
void write_aside(Stage& stage, std::size_t stream, Writer& out) {
    const std::size_t part = stage.offers(stream);
    out.write(Part{JobNumber{stream}, part}, [&stage, stream, part, counted = Counted{}](const net_error& error) {
        if (error) {
            stage.refused(stream, part, ending_of(std::error_code{error}));
        } else {
            stage.written(stream, part);
        }
    });
}

template <typename Ex, typename Stage, typename Writer>
net::awaitable<void, Ex> take(Stage& stage, Running<Stage>& running, Writer& out, const WriteStep& step) {
    using Kind = WriteStep::Kind;
    switch (step.kind) {
        case Kind::write:
            co_await write<Ex>(stage, running, out);
            break;
        case Kind::insist:
            co_await net::this_coro::throw_if_cancelled(false);
            try {
                co_await write<Ex>(stage, running, out);
            } catch (...) {
                // The next one may be taken all the same.
            }
            co_await net::this_coro::throw_if_cancelled(true);
            break;
        case Kind::aside:
            write_aside(stage, running.stream(), out);
            break;
        case Kind::try_write: {
            const std::size_t part = stage.offers(running.stream());
            if (out.try_write(Part{JobNumber{running.stream()}, part})) {
                stage.written(running.stream(), part);
            } else {
                stage.model().left_out(running.stream(), part);
            }
            break;
        }
        case Kind::sleep: {
            Timer timer{stage.home(), Clock::now() + std::chrono::microseconds{step.time}};
            running.listens(true);
            co_await timer.async_wait(net::use_awaitable_t<Ex>{});
            running.listens(false);
            break;
        }
        case Kind::deafen:
            running.deaf = true;
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
            break;
        case Kind::stop:
            stage.stop();
            break;
        case Kind::destroy:
            stage.destroy_pool();
            break;
        case Kind::fail:
            throw HandlerError{running.stream()};
    }
}

template <typename Ex, typename Stage, typename Writer>
net::awaitable<void, Ex> perform(Stage& stage, Request request, Writer& real) {
    const std::size_t stream = request.job.value;
    Running<Stage> running{stage, stream};
    auto&& out = stage.writer(real);
    try {
        for (const WriteStep& step : stage.plan(stream).writes) {
            co_await take<Ex>(stage, running, out, step);
        }
    } catch (...) {
        running.end(ending_of(std::current_exception(), stream));
        throw;
    }
    running.end(Ending::success);
}

template <typename Stage>
struct ErasedHandler {
    Stage* stage;
    Counted counted;

    net::awaitable<void> operator()(Request request, dispatch::Writer<Part>& out) const {
        return perform<net::any_io_executor>(*stage, std::move(request), out);
    }
};

template <typename Stage>
struct ContextHandler {
    Stage* stage;
    Counted counted;

    net::awaitable<void> operator()(Request request, dispatch::Writer<Part>& out, dispatch::JobContext& context) const {
        stage->check_context(request.job.value, context);
        return perform<net::any_io_executor>(*stage, std::move(request), out);
    }
};

template <typename Stage>
struct TypedHandler {
    using Ex = dispatch::WorkerExecutor<Executor>;
    Stage* stage;
    Counted counted;

    net::awaitable<void, Ex> operator()(Request request, dispatch::Writer<Part, Ex>& out) const {
        return perform<Ex>(*stage, std::move(request), out);
    }
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_HANDLERS_HPP
