// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_STREAM_CORE_HPP
#define DISPATCH_DETAIL_STREAM_STREAM_CORE_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/reply/waiter_list.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/stream/part_queue.hpp>
#include <dispatch/error.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What a Stream and its Writer have in common: the part of the job's node that knows the type of its parts alone.
/// Belongs to the job, and to the reader: the submit operation while that is outstanding, and then the Stream.
/// Whichever lets go last frees it.
///
/// What wakes the reader or a writer is posted to its own executor, so neither is ever run within a call of the other.
/// The functions are thread-safe, but each is called by its end only.
template <typename T>
class StreamCore : public WaitingRoom {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "dispatch: the parts of a Stream must be movable without exceptions: mark T's move constructor "
                  "noexcept, or stream std::unique_ptr<T>");

  public:
    using Executor = net::any_io_executor;
    using ReadSignature = void(std::exception_ptr, std::optional<T>);
    using WriteSignature = void(net_error);

    StreamCore(const StreamCore&) = delete;
    StreamCore& operator=(const StreamCore&) = delete;

    /// One who is not the last yet. Any thread.
    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void drop_owner() noexcept {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            free();
        }
    }

    /// Runs completion handlers without an associated executor. The system executor once the pool's context is gone.
    virtual Executor executor() const noexcept = 0;

    // For the reader.

    /// A part that is already there.
    std::optional<T> try_read() noexcept {
        auto got = parts_.try_read();
        wake(got.writer);
        return std::move(got.part);
    }

    /// What is there for a reader: false if it has to wait. Throws the error with which the stream ends.
    bool read_now(std::optional<T>& part) {
        auto got = parts_.read();
        if (got.what == Parts::Read::none) {
            return false;
        }
        wake(got.writer);
        if (auto error = error_of(got)) {
            std::rethrow_exception(std::move(error));
        }
        part = std::move(got.part);
        return true;
    }

    /// Where there is no memory for that, nothing is read, and handler hears of it.
    template <typename Handler>
    void start_read(Handler& handler) {
        auto* const operation = make<Reading>(handler);
        if (operation == nullptr) {
            return;
        }
        auto got = parts_.read(*operation);
        // First: who is told of the part may destroy the stream.
        wake(got.writer);
        if (got.what != Parts::Read::none) {
            operation->set_result(error_of(got), std::move(got.part));
            operation->post(executor());
        }
    }

    /// The reader has gone: so the handler is to end. It is cancelled first: what it writes then fails only once the
    /// cancellation has reached it, for both come by way of its strand.
    void abandon() noexcept {
        if (parts_.is_open()) {
            cancel();
        }
        auto left = parts_.abandon();
        if (left.reader != nullptr) {
            left.reader->result.emplace(Reading::aborted());
            left.reader->post(executor());
        }
        refuse(left.writers);
    }

    // For the writer, while the handler runs: on the pool's context, which lives.

    /// Whether the part is written: false if there is no room for it, or no reader.
    bool write_now(T& part) noexcept {
        const auto written = parts_.write(part);
        tell(written);
        return written.what == Parts::Write::done || written.what == Parts::Write::opens;
    }

    /// Where there is no memory for that, nothing is written, and handler hears of it.
    template <typename Handler>
    void start_write(Handler& handler, T&& part) {
        auto* const operation = make<Writing>(handler, std::move(part));
        if (operation == nullptr) {
            return;
        }
        const auto written = parts_.write(*operation);
        // First: with its answer, the handler may end.
        tell(written);
        if (written.what != Parts::Write::full) {
            operation->set_result(error_of(written));
            operation->post(executor());
        }
    }

    bool is_open() const noexcept { return parts_.is_open(); }

    void destroy_waiters() noexcept final {
        auto left = parts_.take_waiters();
        destroy_all(left);
    }

    /// When the first part was written, if somebody asks for times. By the handler's end.
    std::optional<std::chrono::steady_clock::time_point> first_part_at() const noexcept { return first_part_at_; }

  protected:
    struct Reading : Waiter<Executor, std::exception_ptr, std::optional<T>> {
        using Waiter<Executor, std::exception_ptr, std::optional<T>>::Waiter;

        // With what it fails.
        static auto aborted() noexcept {
            return std::tuple{make_system_error(operation_aborted()), std::optional<T>{}};
        }
        static auto no_memory() noexcept {
            return std::tuple{std::make_exception_ptr(std::bad_alloc{}), std::optional<T>{}};
        }
    };

    struct Writing : Waiter<Executor, net_error> {
        Writing(std::byte* tail, T&& written) : Waiter<Executor, net_error>{tail}, part{std::move(written)} {}

        static auto aborted() noexcept { return std::tuple{net_error{net::error::operation_aborted}}; }
        static auto no_memory() noexcept { return std::tuple{net_error{net::error::no_memory}}; }

        T part;
    };

    using Parts = PartQueue<T, Reading, Writing>;

    /// Belongs to the job and to the submit operation.
    explicit StreamCore(std::size_t capacity) : parts_{capacity} {}
    ~StreamCore() = default;

    /// Frees the node.
    virtual void free() noexcept = 0;
    /// The first part has been written: completes the submit operation with the stream. By the handler.
    virtual void open() noexcept = 0;
    /// Completes a reader's operation, or a submit operation. By the handler.
    virtual void complete(Reading& operation) noexcept = 0;
    /// Cancels the job, which may have ended meanwhile.
    virtual void cancel() noexcept = 0;

    /// Nothing is written from now on. Once. By the job: before it lets go.
    auto close(std::exception_ptr error) noexcept { return parts_.close(std::move(error)); }

    /// Nobody reads their parts.
    void refuse(IntrusiveList<Writing>& writers) noexcept {
        while (Writing* const writer = writers.pop_front()) {
            writer->set_result(net::error::broken_pipe);
            writer->post(executor());
        }
    }

    /// Nobody is told. The node may go with the last of them.
    static void destroy_all(typename Parts::Left& left) noexcept {
        if (left.reader != nullptr) {
            left.reader->destroy();
        }
        while (Writing* const writer = left.writers.pop_front()) {
            writer->destroy();
        }
    }

    /// The handler's, until it has ended.
    std::optional<std::chrono::steady_clock::time_point> first_part_at_;

  private:
    /// Gives an operation up when its handler's cancellation slot says so.
    template <typename Waiting>
    class Cancel {
      public:
        Cancel(StreamCore& core, Waiting& operation) noexcept : core_{&core}, operation_{&operation} {
            core.add_owner();
        }
        Cancel(const Cancel&) = delete;
        Cancel& operator=(const Cancel&) = delete;
        ~Cancel() { core_->drop_owner(); }

        void operator()(net::cancellation_type_t type) const {
            if (type != net::cancellation_type::none && core_->parts_.remove(*operation_)) {
                operation_->result.emplace(Waiting::aborted());
                operation_->post(core_->executor());
            }
        }

      private:
        StreamCore* core_;
        Waiting* operation_;
    };

    /// An operation that can be cancelled. Null where there is no memory for one: handler hears of that.
    template <typename Waiting, typename Handler, typename... Args>
    HandlerOperation<Waiting, Handler, Executor>* make(Handler& handler, Args&&... args) {
        using Operation = HandlerOperation<Waiting, Handler, Executor>;
        Operation* operation = nullptr;
        try {
            operation = Operation::make(handler, executor(), Memory::handler, 0, std::forward<Args>(args)...);
            if (auto slot = operation->cancellation_slot(); slot.is_connected()) {
                slot.template emplace<Cancel<Waiting>>(*this, *operation);
            }
            return operation;
        } catch (const std::bad_alloc&) {
            if (operation != nullptr) {
                operation->result.emplace(Waiting::no_memory());
                operation->post(executor());
            } else {
                post_completion(executor(), handler, [result = Waiting::no_memory()](Handler&& completion) mutable {
                    std::apply(std::move(completion), std::move(result));
                });
            }
            return nullptr;
        }
    }

    static std::exception_ptr error_of(typename Parts::Got& got) noexcept {
        if (got.what == Parts::Read::is_busy) {
            return retry_on_bad_alloc([] {
                return std::make_exception_ptr(
                    std::system_error{std::make_error_code(std::errc::operation_in_progress),
                                      "dispatch: another Stream::next() waits for a part: await one at a time"});
            });
        }
        return std::move(got.error);
    }

    static net_error error_of(const typename Parts::Written& written) noexcept {
        return written.what == Parts::Write::unread ? net_error{net::error::broken_pipe} : net_error{};
    }

    void tell(const typename Parts::Written& written) noexcept {
        if (written.reader != nullptr) {
            complete(*written.reader);
        } else if (written.what == Parts::Write::opens) {
            open();
        }
    }

    void wake(Writing* writer) noexcept {
        if (writer != nullptr) {
            writer->set_result(net_error{});
            writer->post(executor());
        }
    }

    std::atomic<std::uint32_t> owners_{2};
    /// Has its own lock.
    Parts parts_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_STREAM_STREAM_CORE_HPP
