// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_MODEL_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_MODEL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <dispatch/metrics.hpp>

#include "../complaints.hpp"
#include "../virtual_time.hpp"
#include "program.hpp"

namespace sim::streams {

/// How a handler ended, or what somebody heard.
enum class Ending : std::uint8_t {
    success,
    handler_error,
    aborted,
    broken_pipe,
    busy,
    queue_full,
    deadline_exceeded,
    stopped,
    abandoned,
    other
};

inline const char* name(Ending ending) {
    static constexpr const char* names[] = {"success",   "the handler's error", "operation_aborted", "broken_pipe",
                                            "busy",      "queue_full",          "deadline_exceeded", "stopped",
                                            "abandoned", "something else"};
    return names[static_cast<int>(ending)];
}

/// What streams may do: told of all that happens, it says what must not be. It knows of no buffers, lists of waiters or
/// owners: a part is offered, and then written or refused, and read; a handler runs and ends; a stream is opened, read,
/// and destroyed.
class Model {
  public:
    /// now() is the time.
    Model(const Program& program, Complaints& complaints, std::function<Time()> now)
        : now_{std::move(now)},
          buffer_{program.pool_options.stream_buffer},
          most_running_{program.workers * program.worker_options.max_concurrency},
          streams_(program.streams.size()),
          complaints_{complaints} {}

    // What the submitter does.

    void submitted(std::size_t number, std::optional<Time> deadline, bool may_wait) {
        Stream& stream = streams_[number];
        stream.stage = Stage::waits;
        stream.deadline = deadline;
        stream.may_be_refused = !may_wait;
        stream.stopped = closed_;
    }

    void cancelled(std::size_t number) { streams_[number].cancelled = true; }

    /// With error or with a stream. The first part is not read by that.
    void opened(std::size_t number, std::optional<Ending> error) {
        Stream& stream = streams_[number];
        complaints_.unless(!stream.opened, "#", number, " was opened twice");
        stream.opened = true;
        if (error) {
            complaints_.unless(count(stream, &Part::written) == 0, "#", number, " heard ", name(*error),
                               " in place of its parts");
            check_error(number, *error);
            stream.error_heard = true;
            stream.reader_gone = true;
        } else {
            complaints_.unless(!stream.parts.empty() || stream.ended == Ending::success, "#", number,
                               " was opened without a part");
        }
    }

    // What the handler does.

    void started(std::size_t number) {
        Stream& stream = streams_[number];
        complaints_.unless(stream.stage == Stage::waits && !stream.opened, "#", number,
                           " started though it was decided already");
        complaints_.unless(!stream.stopped, "#", number, " was started by a pool that has stopped");
        complaints_.unless(!is_late(stream), "#", number, " started after its deadline");
        complaints_.unless(running_ < most_running_, "#", number, " started without a permit");
        stream.stage = Stage::runs;
        ++running_;
    }

    /// It waits for something, and will hear a cancellation.
    void listens(std::size_t number, bool listens) { streams_[number].listens = listens; }

    /// It is about to write a part: this one.
    std::size_t offers(std::size_t number) {
        streams_[number].parts.emplace_back();
        return streams_[number].parts.size() - 1;
    }

    void written(std::size_t number, std::size_t index) {
        Stream& stream = streams_[number];
        Part& part = stream.parts[index];
        complaints_.unless(!part.written && !part.refused, "#", number, "'s write of part ", index, " completed twice");
        part.written = true;
        check_unread(number, stream.reads);
        complaints_.unless(stream.reader_gone || count_unread(stream) <= buffer_ + stream.nexts, "#", number, " keeps ",
                           count_unread(stream), " unread parts");
    }

    void refused(std::size_t number, std::size_t index, Ending why) {
        Stream& stream = streams_[number];
        Part& part = stream.parts[index];
        complaints_.unless(!part.written && !part.refused, "#", number, "'s write of part ", index, " completed twice");
        complaints_.unless(!part.read, "#", number, "'s part ", index, " was read though its write failed");
        const bool allowed = why == Ending::broken_pipe
                                 ? stream.reader_gone || is_late(stream) || stream.stage != Stage::runs
                                 : why == Ending::aborted && is_cancelled(stream);
        complaints_.unless(allowed, "#", number, "'s write of part ", index, " ended with ", name(why));
        part.refused = true;
    }

    /// By try_write().
    void left_out(std::size_t number, std::size_t index) {
        Stream& stream = streams_[number];
        stream.parts[index].refused = true;
        complaints_.unless(stream.reader_gone || is_late(stream) || count_offered(stream) >= buffer_, "#", number,
                           "'s part ", index, " was left out though there was room for it");
    }

    void ended(std::size_t number, Ending how) {
        Stream& stream = streams_[number];
        end(stream);
        complaints_.unless(how != Ending::aborted || is_cancelled(stream), "#", number,
                           "'s handler was cancelled by nobody");
        stream.ended = how;
    }

    /// It was destroyed.
    void abandoned(std::size_t number) {
        end(streams_[number]);
        streams_[number].ended = Ending::abandoned;
        complaints_.unless(context_gone_, "#", number, "'s handler was destroyed");
    }

    // What the reader does.

    void asks(std::size_t number) {
        Stream& stream = streams_[number];
        if (stream.nexts == 0) {
            stream.given_up = false;
        }
        if (stream.nexts++ != 0) {
            ++stream.may_be_busy;
            stream.clashed = true;
        }
    }

    /// It has cancelled what it asked for.
    void gives_up(std::size_t number) { streams_[number].given_up = true; }

    /// next() has completed, or, without asks(), try_next() has returned a part.
    void read(std::size_t number, std::size_t index, bool asked) {
        Stream& stream = streams_[number];
        stream.nexts -= asked ? 1 : 0;
        if (index >= stream.parts.size()) {
            return complaints_.add("#", number, " read a part that was never written");
        }
        Part& part = stream.parts[index];
        complaints_.unless(!part.read, "#", number, "'s part ", index, " was read twice");
        complaints_.unless(!part.refused, "#", number, "'s part ", index, " was read though its write failed");
        complaints_.unless((!stream.error_heard && !stream.at_end) || stream.clashed, "#", number, "'s part ", index,
                           " was read after the end");
        complaints_.unless(stream.reads <= index || stream.clashed, "#", number, "'s part ", index, " was overtaken");
        part.read = true;
        stream.reads = std::max(stream.reads, index + 1);
        check_unread(number, stream.reads);
    }

    /// next() was answered with the end.
    void read_end(std::size_t number) {
        Stream& stream = streams_[number];
        --stream.nexts;
        check_unread(number, stream.parts.size());
        complaints_.unless(stream.ended || stream.error_heard || on_the_way(stream) != 0, "#", number,
                           " is at its end though its handler runs");
        stream.maybe_heard |= on_the_way(stream) != 0;
        complaints_.unless(stream.error_heard || stream.maybe_heard || stream.ended == Ending::success, "#", number,
                           "'s error was not heard");
        stream.at_end = true;
    }

    /// next() has failed. given_up: the reader has cancelled it, or destroyed the stream.
    void read_error(std::size_t number, Ending why, bool given_up) {
        Stream& stream = streams_[number];
        --stream.nexts;
        if (why == Ending::busy) {
            return complaints_.unless(stream.may_be_busy-- != 0, "#", number, " is busy though nobody reads");
        }
        if (why == Ending::aborted && given_up) {
            // Which of the two it was cannot be told if the handler has ended in the same way.
            stream.maybe_heard |= stream.ended == Ending::aborted;
            return;
        }
        complaints_.unless(!stream.error_heard && (!stream.at_end || stream.clashed), "#", number, " heard ", name(why),
                           " after the end");
        check_unread(number, stream.parts.size());
        check_error(number, why);
        stream.error_heard = true;
    }

    /// The completion handler of next() was destroyed.
    void read_dropped(std::size_t number) {
        Stream& stream = streams_[number];
        --stream.nexts;
        ++stream.dropped;
        stream.maybe_heard = true;
        complaints_.unless(context_gone_, "#", number, "'s reader was dropped");
    }

    /// Its stream was destroyed. Operations on it are still completed.
    void destroyed(std::size_t number) { streams_[number].reader_gone = true; }

    // What happens to the pool.

    void closed() { closed_ = true; }

    void stopped() {
        closed_ = true;
        for (Stream& stream : streams_) {
            stream.stopped |= stream.stage != Stage::unborn;
        }
    }

    /// What has not been decided is dropped; replies that are on the way may be.
    void context_gone() {
        stopped();
        context_gone_ = true;
    }

    // What must hold.

    /// Nothing is ready to run.
    void check_rest(std::size_t in_flight) {
        if (context_gone_) {
            return;
        }
        complaints_.unless(in_flight == running_, in_flight, " permits are taken while ", running_, " handlers run");
        for (std::size_t number = 0; number != streams_.size(); ++number) {
            const Stream& stream = streams_[number];
            const bool over = stream.ended || is_late(stream);
            const std::size_t unread = count_unread(stream);
            complaints_.unless(stream.stage != Stage::runs || !stream.listens || !is_cancelled(stream), "#", number,
                               "'s handler did not hear its cancellation");
            complaints_.unless(stream.opened || (unread == 0 && !over), "#", number, " was not opened");
            complaints_.unless(stream.nexts == 0 || (unread == 0 && !over && !stream.reader_gone), "#", number,
                               "'s reader waits though it need not");
            complaints_.unless(stream.nexts == 0 || !stream.given_up, "#", number, "'s cancelled reader waits on");
            complaints_.unless(count_offered(stream) == unread || (unread >= buffer_ && !over && !stream.reader_gone),
                               "#", number, "'s writer waits though it need not");
        }
    }

    /// All is over.
    void check_end() {
        for (std::size_t number = 0; number != streams_.size() && !context_gone_; ++number) {
            const Stream& stream = streams_[number];
            complaints_.unless(stream.stage == Stage::unborn || stream.opened, "#", number, " was not opened");
            complaints_.unless(stream.stage != Stage::runs, "#", number, "'s handler has not ended");
        }
    }

    void check_ledger(const dispatch::Ledger& ledger) {
        complaints_.unless(ledger.submitted == ledger.completed + ledger.failed + ledger.rejected + ledger.expired +
                                                   ledger.cancelled + ledger.stopped,
                           "the ledger does not add up");
        std::uint64_t least = 0;
        std::uint64_t most = 0;
        for (const Stream& stream : streams_) {
            const bool succeeded = stream.ended == Ending::success;
            most += succeeded ? 1 : 0;
            least += succeeded && !is_late(stream) ? 1 : 0;
        }
        complaints_.unless(context_gone_ || (least <= ledger.completed && ledger.completed <= most),
                           "the ledger says that ", ledger.completed, " streams were completed, not ", least, " to ",
                           most);
    }

    bool any_running() const noexcept { return running_ != 0; }

  private:
    enum class Stage : std::uint8_t { unborn, waits, runs, ended };

    struct Part {
        bool written = false;
        bool refused = false;
        bool read = false;
    };

    struct Stream {
        Stage stage = Stage::unborn;
        std::optional<Time> deadline;
        bool may_be_refused = false;
        bool opened = false;
        bool cancelled = false;
        bool stopped = false;
        bool reader_gone = false;
        /// How its handler ended.
        std::optional<Ending> ended;
        bool listens = false;
        std::vector<Part> parts;
        /// The first part that may be read.
        std::size_t reads = 0;
        /// Calls of next() that have not completed.
        std::size_t nexts = 0;
        /// Those that were made while another one waited.
        int may_be_busy = 0;
        bool given_up = false;
        /// There were such: in which order they complete is not said.
        bool clashed = false;
        /// Those whose completion handlers were destroyed, perhaps with a part.
        std::size_t dropped = 0;
        bool error_heard = false;
        bool maybe_heard = false;
        bool at_end = false;
    };

    bool is_late(const Stream& stream) const { return stream.deadline && *stream.deadline <= now_(); }

    bool is_cancelled(const Stream& stream) const {
        return stream.cancelled || stream.stopped || (stream.reader_gone && stream.opened) || is_late(stream);
    }

    static std::size_t count(const Stream& stream, bool Part::* what) {
        return static_cast<std::size_t>(
            std::count_if(stream.parts.begin(), stream.parts.end(), [&](const Part& part) { return part.*what; }));
    }
    static std::size_t count_unread(const Stream& stream) {
        return static_cast<std::size_t>(std::count_if(stream.parts.begin(), stream.parts.end(),
                                                      [](const Part& part) { return part.written && !part.read; }));
    }
    /// Those included that wait.
    static std::size_t count_offered(const Stream& stream) {
        return static_cast<std::size_t>(std::count_if(stream.parts.begin(), stream.parts.end(),
                                                      [](const Part& part) { return !part.refused && !part.read; }));
    }

    /// What was read may have been so by a next() whose completion is still to come.
    static std::size_t on_the_way(const Stream& stream) { return stream.clashed ? stream.nexts : 0; }

    /// None of the parts before end is unread.
    void check_unread(std::size_t number, std::size_t end) {
        const Stream& stream = streams_[number];
        std::size_t tolerated = on_the_way(stream) + stream.dropped;
        for (std::size_t index = 0; index < end; ++index) {
            const Part& part = stream.parts[index];
            if (part.written && !part.read && tolerated-- == 0) {
                return complaints_.add("#", number, "'s part ", index, " was lost");
            }
        }
    }

    /// Whether a submitter or a reader may hear it.
    void check_error(std::size_t number, Ending error) {
        const Stream& stream = streams_[number];
        bool allowed = false;
        if (error == Ending::deadline_exceeded) {
            allowed = is_late(stream);
        } else if (stream.ended) {
            allowed = error == *stream.ended && error != Ending::success;
        } else if (stream.stage == Stage::waits) {
            allowed = (error == Ending::stopped && stream.stopped) || (error == Ending::aborted && stream.cancelled) ||
                      (error == Ending::queue_full && stream.may_be_refused);
        }
        allowed |= context_gone_ && error == Ending::abandoned;
        complaints_.unless(allowed, "#", number, " heard ", name(error));
    }

    void end(Stream& stream) {
        stream.stage = Stage::ended;
        stream.listens = false;
        --running_;
    }

    const std::function<Time()> now_;
    const std::size_t buffer_;
    const std::size_t most_running_;
    std::vector<Stream> streams_;
    std::size_t running_ = 0;
    bool closed_ = false;
    bool context_gone_ = false;
    Complaints& complaints_;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_MODEL_HPP
