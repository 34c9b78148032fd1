// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_JOB_HPP
#define DISPATCH_JOB_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/job/session_only.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What a handler can ask about the job that it runs, if it has a second parameter `JobContext&`. The object, and the
/// text that session() returns, are valid until the handler ends.
class JobContext {
  public:
    /// The clock of deadline() and queued_for().
    using Clock = std::chrono::steady_clock;

    /// Makes a context that returns these values. Workers make them for handlers; tests can, to call a handler
    /// directly. The text of session must outlive the object.
    JobContext(std::size_t worker_id, std::string_view session, std::optional<Clock::time_point> deadline,
               Clock::duration queued_for, bool moved = false) noexcept
        : worker_id_{worker_id}, session_{session}, deadline_{deadline}, queued_for_{queued_for}, moved_{moved} {}
    JobContext(const JobContext&) = delete;
    JobContext& operator=(const JobContext&) = delete;

    /// Returns WorkerHandle::id() of the worker that runs the job.
    std::size_t worker_id() const noexcept { return worker_id_; }
    /// Returns the job's session, or empty text if it has none.
    std::string_view session() const noexcept { return session_; }
    /// Returns SubmitOptions::deadline, for example to pass it on to what the handler awaits.
    std::optional<Clock::time_point> deadline() const noexcept { return deadline_; }
    /// Returns how long the job waited: from the start of the submit operation to the start of the handler.
    Clock::duration queued_for() const noexcept { return queued_for_; }
    /// Returns whether the job runs on another worker than the one to which it was routed (see
    /// PoolOptions::late_binding), or was routed past its session's homes (see Affinity::preferred).
    bool moved() const noexcept { return moved_; }

  private:
    std::size_t worker_id_;
    std::string_view session_;
    std::optional<Clock::time_point> deadline_;
    Clock::duration queued_for_;
    bool moved_;
};

namespace detail {

/// The result of a job: an error or a value.
template <typename S>
struct Reply {
    std::exception_ptr error;
    std::optional<S> value;

    /// Moves the reply out. If moving the value throws, the reply becomes that exception.
    Reply take() noexcept {
        Reply taken;
        taken.error = std::move(error);
        if constexpr (std::is_nothrow_move_constructible_v<S>) {
            if (value) {
                taken.value.emplace(std::move(*value));
            }
        } else if (value) {
            try {
                taken.value.emplace(std::move(*value));
            } catch (...) {
                taken.value.reset();
                taken.error = std::current_exception();
            }
        }
        return taken;
    }

    template <typename Handler>
    [[gnu::always_inline]] inline void pass_to(Handler&& handler) && {
        if (value) {
            std::forward<Handler>(handler)(std::move(error), std::move(*value));
        } else {
            std::forward<Handler>(handler)(std::move(error), empty());
        }
    }

    /// Returns the value that accompanies an error. Waits while S throws std::bad_alloc; any other exception leaves the
    /// executor's run(), as in Asio's co_spawn.
    static S empty() {
        if constexpr (std::is_nothrow_default_constructible_v<S>) {
            return S{};
        } else {
            for (;;) {
                try {
                    return S{};
                } catch (const std::bad_alloc&) {
                    std::this_thread::yield();
                }
            }
        }
    }
};

template <>
struct Reply<void> {
    std::exception_ptr error;

    Reply take() noexcept { return std::move(*this); }

    template <typename Handler>
    [[gnu::always_inline]] inline void pass_to(Handler&& handler) && {
        std::forward<Handler>(handler)(std::move(error));
    }
};

}  // namespace detail

/// A request together with the completion handler that receives its response. The library uses this type internally:
/// WorkerPool::submit() makes one node for each job, which passes through a worker's queue and a lane, and back to the
/// submitter's executor.
template <typename R, typename S, typename Executor = net::any_io_executor>
class Job : public detail::Operation<detail::Reply<S>, Executor, detail::JobNode<Executor>> {
    using Base = detail::Operation<detail::Reply<S>, Executor, detail::JobNode<Executor>>;

  public:
    /// The clock of submitted_at and deadline.
    using Clock = JobContext::Clock;

    /// Makes a job for the request wanted, submitted at the time now. Copies the session's text to tail, which has room
    /// for it.
    template <typename Options>
    Job(std::byte* tail, R&& wanted, const Options& options, Clock::time_point now, bool has_patience = false)
        : Base{tail, options, now, has_patience}, request{std::in_place, std::move(wanted)} {}

    /// Makes what tells the submitter that there is no job.
    explicit Job(std::byte* tail) noexcept : Base{tail, detail::SessionOnly{}, Clock::time_point{}, false} {}

    /// The request. Destroyed before the completion handler is called; together with the job, if its deadline has
    /// passed while the handler ran.
    std::optional<R> request;

    /// Makes response the reply. Throws what moving it throws.
    template <typename... Response>
    void succeed(Response&&... response) {
        this->result.emplace();
        if constexpr (sizeof...(Response) != 0) {
            this->result->value.emplace(std::forward<Response>(response)...);
        }
    }

    /// Makes error the reply.
    void fail(std::exception_ptr error) noexcept final {
        this->result.emplace();
        this->result->error = std::move(error);
    }

  protected:
    ~Job() = default;

    /// Destroys the request, unless its handler may still be using it.
    void retire() noexcept {
        if (!this->is_shared()) {
            request.reset();
        }
    }
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_JOB_HPP
