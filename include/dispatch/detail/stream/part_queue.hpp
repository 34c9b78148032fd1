// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_PART_QUEUE_HPP
#define DISPATCH_DETAIL_STREAM_PART_QUEUE_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/base/ring_buffer.hpp>
#include <dispatch/detail/reply/waiter_list.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The unread parts of a stream, who waits to read or to write one, and how it ended: where it is decided what becomes
/// of each part. Thread-safe; nothing is called under the lock but moves of parts, which do not throw.
///
/// At any time at most one of these holds:
///   - A reader waits: there are no parts, and the stream is open at both ends.
///   - Writers wait: the buffer is full, and the stream is open at both ends.
/// A stream has two ends. The writers' is closed once, with an error or without (close); unread parts and then the
/// error, once, are still read. The reader's is abandoned once: then nobody reads, and nothing is kept.
/// The stream is opened, once, by the first part or else by close(): that is when its reader hears of it.
///
/// An operation that was waiting, and that a function returns, is the caller's to complete. A reader's result is set
/// then, except by abandon().
///
/// Reading is a waiter that completes with an error or an optional part; Writing one with a member `part`.
template <typename T, typename Reading, typename Writing>
class PartQueue {
  public:
    /// At most so many parts are unread: at least 1.
    explicit PartQueue(std::size_t capacity) : parts_{capacity} {}

    enum class Write : std::uint8_t {
        done,
        opens,   ///< done, and this is the first part: the caller tells the reader of the stream
        full,    ///< not done, as there is no room
        unread,  ///< not done, as one of the ends is closed
    };

    struct Written {
        Write what;
        /// Has the part.
        Reading* reader = nullptr;
    };

    /// Takes part if it can.
    Written write(T& part) noexcept {
        const MutexLock lock{mutex_};
        return write_now(part);
    }

    /// Takes the part of operation, or leaves that waiting: full.
    Written write(Writing& operation) noexcept {
        const MutexLock lock{mutex_};
        const Written written = write_now(operation.part);
        if (written.what == Write::full) {
            writers_.push_back(operation);
        }
        return written;
    }

    enum class Read : std::uint8_t {
        part,
        end,     ///< of the stream, perhaps with an error
        none,    ///< there is no part yet
        is_busy  ///< another operation waits to read
    };

    struct Got {
        Read what;
        std::optional<T> part{};
        std::exception_ptr error{};
        /// Its part has taken the place of the one that was read.
        Writing* writer = nullptr;
    };

    /// The next part, or the end.
    Got read() noexcept {
        const MutexLock lock{mutex_};
        return read_now();
    }

    /// The same for operation, which is left waiting if there is none.
    Got read(Reading& operation) noexcept {
        const MutexLock lock{mutex_};
        Got got = read_now();
        if (got.what == Read::none) {
            reader_ = &operation;
        }
        return got;
    }

    /// The next part, if there is one; otherwise nothing changes.
    Got try_read() noexcept {
        const MutexLock lock{mutex_};
        return parts_.empty() ? Got{Read::none} : read_now();
    }

    /// Gives up what waits. False when it no longer does.
    bool remove(Reading& operation) noexcept {
        const MutexLock lock{mutex_};
        if (reader_ != &operation) {
            return false;
        }
        reader_ = nullptr;
        return true;
    }
    bool remove(Writing& operation) noexcept {
        const MutexLock lock{mutex_};
        return writers_.remove(operation);
    }

    /// What somebody waits for will not come.
    struct Left {
        /// The stream was not opened, and is now. (By close().)
        bool opens = false;
        std::exception_ptr error{};
        Reading* reader = nullptr;
        IntrusiveList<Writing> writers{};
    };

    /// Nothing is written from now on, because of error if that is not null. Once. The error goes to the reader who
    /// waits; returned if that is the one who waits for the stream (opens); and otherwise kept for the next to read.
    Left close(std::exception_ptr error) noexcept {
        const MutexLock lock{mutex_};
        Left left;
        left.opens = !std::exchange(opened_, true);
        take_waiters(left);
        closed_ = true;
        if (left.opens) {
            left.error = std::move(error);
        } else if (left.reader != nullptr) {
            left.reader->set_result(std::move(error), std::nullopt);
        } else {
            error_ = std::move(error);
        }
        return left;
    }

    /// Nobody reads from now on. Once.
    Left abandon() noexcept {
        Left left;
        {
            const MutexLock lock{mutex_};
            abandoned_ = true;
            take_waiters(left);
        }
        parts_.clear();  // which nobody touches any more
        return left;
    }

    /// Takes out those that wait, who will not be told.
    Left take_waiters() noexcept {
        const MutexLock lock{mutex_};
        Left left;
        take_waiters(left);
        return left;
    }

    /// Whether a part that is written now may still be read.
    bool is_open() const noexcept {
        const MutexLock lock{mutex_};
        return !closed_ && !abandoned_;
    }

  private:
    Written write_now(T& part) noexcept {
        if (closed_ || abandoned_) {
            return {Write::unread};
        }
        if (reader_ != nullptr) {
            reader_->set_result(nullptr, std::optional<T>{std::move(part)});
            return {Write::done, std::exchange(reader_, nullptr)};
        }
        if (parts_.full()) {
            return {Write::full};
        }
        parts_.push_back(std::move(part));
        return {std::exchange(opened_, true) ? Write::done : Write::opens};
    }

    void take_waiters(Left& left) noexcept {
        left.reader = std::exchange(reader_, nullptr);
        left.writers = writers_.take_all();
    }

    Got read_now() noexcept {
        if (!parts_.empty()) {
            Got got{Read::part, parts_.pop_front()};
            got.writer = writers_.pop_front();
            if (got.writer != nullptr) {
                parts_.push_back(std::move(got.writer->part));
            }
            return got;
        }
        if (reader_ != nullptr) {
            return {Read::is_busy};
        }
        return closed_ ? Got{Read::end, std::nullopt, std::exchange(error_, nullptr)} : Got{Read::none};
    }

    mutable Mutex mutex_;
    bool opened_ = false;
    bool closed_ = false;
    bool abandoned_ = false;
    /// With which the writers' end was closed, until it is read.
    std::exception_ptr error_;
    Reading* reader_ = nullptr;
    WaiterList<Writing> writers_;
    RingBuffer<T> parts_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_STREAM_PART_QUEUE_HPP
