// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_READER_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_READER_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "../../support/asio.hpp"
#include "../objects.hpp"
#include "../virtual_time.hpp"
#include "handlers.hpp"
#include "program.hpp"

namespace sim::streams {

/// Reads a stream as its plan says. Stage is the Rehearsal that it is part of.
template <typename Stage>
class Reader {
    using Stream = typename Stage::Stream;
    using Kind = ReadStep::Kind;

  public:
    Reader(Stage& stage, std::size_t number) noexcept : stage_{stage}, number_{number} {}
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { destroy(); }

    /// The submit operation has completed.
    void begin(Stream&& stream) {
        stream_.emplace(std::move(stream));
        go_on();
    }

    /// False when there is no stream.
    bool destroy() {
        if (!stream_) {
            return false;
        }
        stage_.trace("#", number_, "'s stream is destroyed");
        stage_.model().destroyed(number_);
        stream_.reset();
        return true;
    }

    /// The context on which the stream's handler ran is gone: what was waited for may have gone with it.
    void context_gone() {
        if (stream_ && outstanding_ == 0 && !pauses_) {
            go_on();
        }
    }

    // What a Reply tells.

    Stage& stage() const noexcept { return stage_; }
    std::size_t number() const noexcept { return number_; }

    void heard(const std::exception_ptr& error, std::optional<Part>&& part) {
        --outstanding_;
        if (error) {
            const Ending why = ending_of(error, number_);
            stage_.trace("#", number_, "'s reader hears ", name(why));
            stage_.model().read_error(number_, why, signalled_ || !stream_);
        } else if (part) {
            took(*part, true);
        } else {
            stage_.trace("#", number_, "'s reader hears the end");
            stage_.model().read_end(number_);
            at_end_ = true;
        }
        if (outstanding_ == 0 && stream_) {
            go_on();
        }
    }

    void dropped() noexcept {
        --outstanding_;
        stage_.model().read_dropped(number_);
    }

  private:
    /// A completion handler of next().
    class Reply {
      public:
        using cancellation_slot_type = net::cancellation_slot;

        explicit Reply(Reader& reader) noexcept : reader_{&reader} {}
        Reply(Reply&& other) noexcept : reader_{std::exchange(other.reader_, nullptr)} {}
        Reply& operator=(Reply&&) = delete;
        ~Reply() {
            if (reader_ != nullptr) {
                reader_->dropped();
            }
        }

        cancellation_slot_type get_cancellation_slot() const noexcept {
            return reader_->wants_slot_ ? reader_->signal_.slot() : net::cancellation_slot{};
        }

        void operator()(const std::exception_ptr& error, std::optional<Part> part) {
            Reader& reader = *std::exchange(reader_, nullptr);
            reader.stage_.check_place(reader.number_, "next()");
            reader.heard(error, std::move(part));
        }

      private:
        Reader* reader_;
        Counted counted_;
    };

    template <typename Ex>
    class ReplyOn : public Reply {
      public:
        using executor_type = Ex;

        ReplyOn(Reader& reader, const Ex& executor) noexcept : Reply{reader}, executor_{executor} {}

        executor_type get_executor() const noexcept { return executor_; }

      private:
        Ex executor_;
    };

    /// Does what can be done without waiting.
    void go_on() {
        while (stream_ && outstanding_ == 0 && !pauses_) {
            const StreamPlan& plan = stage_.plan(number_);
            signalled_ = false;
            if (step_ != plan.reads.size()) {
                take(plan.reads[step_++]);
            } else if (plan.afterwards == Afterwards::read_on && !at_end_) {
                next();
            } else {
                return finish();
            }
        }
    }

    void finish() {
        if (stage_.plan(number_).afterwards != Afterwards::keep) {
            destroy();
        }
    }

    void take(const ReadStep& step) {
        switch (step.kind) {
            case Kind::next:
                return next();
            case Kind::await:
                return await();
            case Kind::try_next:
                static_cast<void>(try_next());
                return;
            case Kind::empty:
                while (try_next()) {
                }
                return;
            case Kind::pause:
                return after(step.time, [] {});
            case Kind::give_up:
                wants_slot_ = true;
                next();
                wants_slot_ = false;
                return after(step.time, [this] { give_up(); });
            case Kind::leave:
                next();
                return after(step.time, [this] { destroy(); });
            case Kind::clash:
                next();
                return next();
            case Kind::move: {
                next();
                if (stream_) {
                    Stream moved{std::move(*stream_)};
                    *stream_ = std::move(moved);
                }
                return;
            }
        }
    }

    void next() {
        if (!stage_.can_complete(number_)) {
            destroy();
            return;
        }
        if (!stream_) {
            return;
        }
        ++outstanding_;
        stage_.model().asks(number_);
        const typename Stage::Initiation initiation{stage_};
        switch (stage_.plan(number_).place) {
            case Place::native:
                return stream_->next(Reply{*this});
            case Place::away:
                return stream_->next(ReplyOn<Executor>{*this, stage_.away()});
            case Place::strand:
                return stream_->next(ReplyOn<typename Stage::AwayStrand>{*this, stage_.away_strand()});
        }
    }

    void await() {
        if (!stage_.can_complete(number_)) {
            destroy();
            return;
        }
        ++outstanding_;
        stage_.model().asks(number_);
        const bool native = stage_.plan(number_).place == Place::native;
        net::co_spawn(native ? stage_.home() : stage_.away(), read_one(Reply{*this}, *this),
                      [counted = Counted{}](const std::exception_ptr& error) {
                          if (error) {
                              std::rethrow_exception(error);
                          }
                      });
    }

    static net::awaitable<void> read_one(Reply reply, Reader& self) {
        std::exception_ptr error;
        std::optional<Part> part;
        if (!self.stream_) {
            error = std::make_exception_ptr(std::system_error{dispatch::detail::operation_aborted()});
        } else {
            try {
                part = co_await self.stream_->next();
            } catch (...) {
                error = std::current_exception();
            }
        }
        reply(error, std::move(part));
    }

    bool try_next() {
        auto part = stream_->try_next();
        if (part) {
            took(*part, false);
        }
        return part.has_value();
    }

    void took(const Part& part, bool asked) {
        stage_.trace("#", number_, "'s part ", part.index, " is read");
        stage_.model().read(number_, part.stream.value == number_ ? part.index : ~std::size_t{0}, asked);
    }

    void give_up() {
        if (outstanding_ != 0) {
            stage_.trace("#", number_, "'s reader gives up");
            signalled_ = true;
            stage_.model().gives_up(number_);
            signal_.emit(stage_.next_type());
        }
    }

    template <typename Then>
    void after(int time, Then then) {
        pauses_ = true;
        stage_.after(time, [this, then] {
            pauses_ = false;
            then();
            go_on();
        });
    }

    Stage& stage_;
    const std::size_t number_;
    net::cancellation_signal signal_;
    std::optional<Stream> stream_;
    std::size_t step_ = 0;
    int outstanding_ = 0;
    bool wants_slot_ = false;
    bool signalled_ = false;
    bool pauses_ = false;
    bool at_end_ = false;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_READER_HPP
