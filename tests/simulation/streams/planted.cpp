// SPDX-License-Identifier: Apache-2.0
//
// Streams with a bug, which the simulation has to find: planted_streams BUG [OPTION...]. It stands between the
// simulation and the real pool.
#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/pool.hpp>

#include "../simulation.hpp"
#include "family.hpp"

namespace planted {

namespace net = sim::net;
using sim::Request;
using sim::streams::Ending;
using sim::streams::Part;
using sim::streams::Real;

enum class Bug {
    none,
    loses_a_part,
    swaps_parts,
    doubles_a_part,
    loses_when_cancelled,
    ignores_cancellation,
    completes_at_once,
    error_comes_twice,
    hides_the_error,
    forgets_the_reader,
    forgets_the_writer,
    abandon_does_not_cancel,
    buffer_is_too_large,
    forgets_deadlines,
    opens_late,
    permit_back_at_once,
};

constexpr std::array<std::string_view, 16> names{"none",
                                                 "loses_a_part",
                                                 "swaps_parts",
                                                 "doubles_a_part",
                                                 "loses_when_cancelled",
                                                 "ignores_cancellation",
                                                 "completes_at_once",
                                                 "error_comes_twice",
                                                 "hides_the_error",
                                                 "forgets_the_reader",
                                                 "forgets_the_writer",
                                                 "abandon_does_not_cancel",
                                                 "buffer_is_too_large",
                                                 "forgets_deadlines",
                                                 "opens_late",
                                                 "permit_back_at_once"};

Bug bug = Bug::none;

/// Keeps thing for good.
template <typename T>
void hoard(T&& thing) {
    static auto* const all = new std::vector<std::shared_ptr<void>>;
    all->push_back(std::make_shared<std::decay_t<T>>(std::forward<T>(thing)));
}

/// A completion handler that is called with what change(arguments) makes of them; not at all if that returns false.
template <typename Handler, typename Change>
class Changing {
  public:
    using executor_type = net::associated_executor_t<Handler, net::any_io_executor>;
    using cancellation_slot_type = net::associated_cancellation_slot_t<Handler>;

    Changing(Handler&& handler, const net::any_io_executor& executor, Change change)
        : executor_{net::get_associated_executor(handler, executor)},
          handler_{std::move(handler)},
          change_{std::move(change)} {}

    executor_type get_executor() const noexcept { return executor_; }
    cancellation_slot_type get_cancellation_slot() const noexcept {
        return bug == Bug::ignores_cancellation ? cancellation_slot_type{}
                                                : net::get_associated_cancellation_slot(handler_);
    }

    template <typename... Args>
    void operator()(Args... args) {
        if (change_(args...)) {
            std::move(handler_)(std::move(args)...);
        } else {
            hoard(std::move(handler_));
        }
    }

  private:
    executor_type executor_;
    Handler handler_;
    Change change_;
};

bool is_aborted(const std::exception_ptr& error) {
    return error && sim::streams::ending_of(error, 0) == Ending::aborted;
}

class PlantedStream {
  public:
    PlantedStream() = default;
    explicit PlantedStream(Real::Stream stream) : state_{std::make_shared<State>()} {
        state_->stream = std::move(stream);
    }
    PlantedStream(PlantedStream&&) = default;
    PlantedStream& operator=(PlantedStream&& other) {
        const PlantedStream old{std::move(*this)};
        state_ = std::move(other.state_);
        return *this;
    }
    ~PlantedStream() {
        if (state_ && bug == Bug::abandon_does_not_cancel) {
            abandoned.push_back(std::move(state_->stream));
        } else if (state_) {
            state_->stream = {};
        }
    }

    template <typename Token = net::use_awaitable_t<>>
    auto next(Token&& token = {}) {
        return net::async_initiate<Token, void(std::exception_ptr, std::optional<Part>)>(
            [this](auto&& handler) { this->start(std::move(handler)); }, token);
    }

    /// Those that are destroyed with their pool.
    static inline std::vector<Real::Stream> abandoned;

    std::optional<Part> try_next() {
        State& state = *state_;
        if (state.aside) {
            return std::exchange(state.aside, std::nullopt);
        }
        auto part = state.stream.try_next();
        if (part && part->index == 1) {
            switch (bug) {
                case Bug::loses_a_part:
                    return state.stream.try_next();
                case Bug::doubles_a_part:
                    state.aside.emplace(Part{sim::JobNumber{part->stream.value}, part->index});
                    break;
                case Bug::swaps_parts:
                    state.aside = state.stream.try_next();
                    std::swap(part, state.aside);
                    break;
                default:
                    break;
            }
        }
        return part;
    }

  private:
    struct State {
        Real::Stream stream;
        std::optional<Part> aside;
        std::exception_ptr error;
    };

    template <typename Handler>
    void start(Handler&& handler) {
        State& state = *state_;
        if (bug == Bug::completes_at_once) {
            if (auto part = state.stream.try_next()) {
                return std::move(handler)(std::exception_ptr{}, std::move(part));
            }
        }
        const auto change = [kept = state_](std::exception_ptr& error, std::optional<Part>& part) {
            const bool of_the_stream = error && !is_aborted(error);
            if (bug == Bug::loses_when_cancelled && is_aborted(error)) {
                static_cast<void>(kept->stream.try_next());
            } else if (bug == Bug::hides_the_error && of_the_stream) {
                error = nullptr;
            } else if (bug == Bug::error_comes_twice && of_the_stream) {
                kept->error = error;
            } else if (bug == Bug::error_comes_twice && !part) {
                error = std::exchange(kept->error, nullptr);
            }
            return bug != Bug::forgets_the_reader || error || part;
        };
        state.stream.next(
            Changing<std::decay_t<Handler>, decltype(change)>{std::move(handler), state.stream.get_executor(), change});
    }

    std::shared_ptr<State> state_;
};

/// The writer of one handler.
template <typename Writer>
class PlantedWriter {
  public:
    PlantedWriter(Writer& writer, const sim::Executor& executor) noexcept : writer_{writer}, executor_{executor} {}

    template <typename Token>
    auto write(Part part, Token&& token) {
        return net::async_initiate<Token, void(sim::net_error)>(
            [this](auto&& handler, Part&& written) { this->start(std::move(handler), std::move(written)); }, token,
            std::move(part));
    }

    bool try_write(Part&& part) { return writer_.try_write(std::move(part)); }

  private:
    template <typename Handler>
    void start(Handler&& handler, Part&& part) {
        const auto change = [index = part.index](const sim::net_error& error) {
            return bug != Bug::forgets_the_writer || error || index != 1;
        };
        writer_.write(std::move(part),
                      Changing<std::decay_t<Handler>, decltype(change)>{std::move(handler), executor_, change});
    }

    Writer& writer_;
    const net::any_io_executor executor_;
};

class PlantedPool {
  public:
    PlantedPool(std::vector<dispatch::WorkerHandle<Request, dispatch::Stream<Part>, sim::Executor>> workers,
                dispatch::PoolOptions options)
        : pool_{std::move(workers), changed(options)} {}
    ~PlantedPool() { std::vector<Real::Stream>{}.swap(PlantedStream::abandoned); }

    template <typename Handler>
    void submit(const dispatch::SubmitOptions& options, Request request, Handler&& handler) {
        pool_.submit(changed(options), std::move(request), opening(std::move(handler)));
    }

    template <typename Handler>
    void try_submit(const dispatch::SubmitOptions& options, Request request, Handler&& handler) {
        pool_.try_submit(changed(options), std::move(request), opening(std::move(handler)));
    }

    template <typename Handler>
    void drain(Handler&& handler) {
        pool_.drain(std::forward<Handler>(handler));
    }

    void stop() noexcept { pool_.stop(); }

    std::vector<dispatch::WorkerMetrics> worker_metrics() const {
        auto rows = pool_.worker_metrics();
        if (bug == Bug::permit_back_at_once) {
            rows.front().inflight = 0;
        }
        return rows;
    }

    dispatch::Ledger ledger() const noexcept { return pool_.ledger(); }

  private:
    template <typename Handler>
    class Opening {
      public:
        using executor_type = net::associated_executor_t<Handler, sim::Executor>;
        using cancellation_slot_type = net::associated_cancellation_slot_t<Handler>;

        Opening(Handler&& handler, const sim::Executor& executor)
            : executor_{net::get_associated_executor(handler, executor)}, handler_{std::move(handler)} {}

        executor_type get_executor() const noexcept { return executor_; }
        cancellation_slot_type get_cancellation_slot() const noexcept {
            return net::get_associated_cancellation_slot(handler_);
        }

        void operator()(std::exception_ptr error, Real::Stream stream) {
            PlantedStream planted{std::move(stream)};
            if (bug != Bug::opens_late || error) {
                return std::move(handler_)(std::move(error), std::move(planted));
            }
            const auto timer =
                std::make_shared<sim::Timer>(executor_, sim::Clock::now() + std::chrono::microseconds{1});
            timer->async_wait([timer, handler = std::move(handler_),
                               planted = std::move(planted)](const sim::net_error& /*error*/) mutable {
                std::move(handler)(std::exception_ptr{}, std::move(planted));
            });
        }

      private:
        executor_type executor_;
        Handler handler_;
    };

    template <typename Handler>
    auto opening(Handler&& handler) const {
        return Opening<std::decay_t<Handler>>{std::move(handler), pool_.get_executor()};
    }

    static dispatch::PoolOptions changed(dispatch::PoolOptions options) noexcept {
        options.stream_buffer += bug == Bug::buffer_is_too_large ? 1 : 0;
        return options;
    }

    static dispatch::SubmitOptions changed(dispatch::SubmitOptions options) noexcept {
        if (bug == Bug::forgets_deadlines) {
            options.deadline.reset();
        }
        return options;
    }

    Real::Pool pool_;
};

struct Subject {
    using Pool = PlantedPool;
    using Stream = PlantedStream;
    template <typename Writer>
    static PlantedWriter<Writer> writer(Writer& writer, const sim::Executor& executor) noexcept {
        return {writer, executor};
    }
};

}  // namespace planted

int main(int argc, char** argv) {
    const auto* const named = std::find(planted::names.begin(), planted::names.end(), argc > 1 ? argv[1] : "");
    if (named == planted::names.end()) {
        std::cerr << "no such bug\n";
        return 2;
    }
    planted::bug = static_cast<planted::Bug>(named - planted::names.begin());
    return sim::Simulation<sim::streams::Family<planted::Subject>>::main(argc - 1, argv + 1);
}
