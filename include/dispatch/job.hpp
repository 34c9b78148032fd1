// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_JOB_HPP
#define DISPATCH_JOB_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What a handler may ask about the job that it runs. Valid until the handler has ended.
class JobContext {
  public:
    /// The clock of deadlines and of queued_for().
    using Clock = std::chrono::steady_clock;

    /// For workers, and for tests of handlers: what the functions below return.
    JobContext(std::size_t worker_id, std::string_view session, std::optional<Clock::time_point> deadline,
               Clock::duration queued_for) noexcept
        : worker_id_{worker_id}, session_{session}, deadline_{deadline}, queued_for_{queued_for} {}
    JobContext(const JobContext&) = delete;
    JobContext& operator=(const JobContext&) = delete;

    /// WorkerHandle::id() of the worker that runs the job.
    std::size_t worker_id() const noexcept { return worker_id_; }
    /// The job's session; empty when it has none.
    std::string_view session() const noexcept { return session_; }
    /// SubmitOptions::deadline.
    std::optional<Clock::time_point> deadline() const noexcept { return deadline_; }
    /// How long the job took from submit to the handler's start.
    Clock::duration queued_for() const noexcept { return queued_for_; }

  private:
    std::size_t worker_id_;
    std::string_view session_;
    std::optional<Clock::time_point> deadline_;
    Clock::duration queued_for_;
};

namespace detail {

template <typename R, typename S, typename Executor>
class Worker;

/// How a job ends: with an error, or with a value.
template <typename S>
struct Reply {
    std::exception_ptr error;
    std::optional<S> value;

    /// Moves the reply out. Where moving the value throws, that is the reply.
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

    /// What stands beside an error. It comes when there is memory for it; anything else that S throws leaves the
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

/// A lane of a worker, and which of the worker's runs it is at: names a running job without pointing at it.
struct RunTicket {
    std::uint32_t lane = 0;
    std::uint64_t run = 0;
};

/// Where a job is in its life. Guarded by its worker's inbox.
enum class JobState : std::uint8_t {
    queued,   ///< in the inbox: waiting for a place or for a permit
    running,  ///< a lane has it
    replied,  ///< its reply is decided and on the way
};

}  // namespace detail

/// A request, and where its one response goes: the node that travels from submit through a worker's
/// queue and lane back to the submitter's executor. Made by WorkerPool::submit; a user of the library never
/// meets one.
template <typename R, typename S, typename Executor = net::any_io_executor>
class Job : public detail::Operation<detail::Reply<S>, Executor> {
    using Base = detail::Operation<detail::Reply<S>, Executor>;

  public:
    /// The clock of its times.
    using Clock = JobContext::Clock;

    /// A job for wanted, with a look at options, submitted at now. tail has room for the session's text.
    Job(std::byte* tail, R&& wanted, const SubmitOptions& options, Clock::time_point now)
        : Base{tail},
          request{std::in_place, std::move(wanted)},
          session{keep(tail, options.session.value_or(std::string_view{}))},
          submitted_at{now},
          deadline{options.deadline} {}

    /// Until the submitter hears its response.
    std::optional<R> request;
    /// In the job's own memory; empty when it has none.
    const std::string_view session;
    /// The epoch, unless the job's worker asks for times.
    Clock::time_point submitted_at;
    /// SubmitOptions::deadline.
    const std::optional<Clock::time_point> deadline;

    /// The worker that it was routed to. Null before, and when it was refused.
    detail::Worker<R, S, Executor>* owner = nullptr;
    /// Guarded by the inbox, as state is; afterwards constant.
    detail::RunTicket ticket;
    /// Where the job is in its life.
    detail::JobState state = detail::JobState::queued;
    /// Place in the inbox's heap of deadlines.
    std::size_t deadline_index = 0;

    /// Puts the response there as the reply. Throws what moving it throws.
    template <typename... Response>
    void succeed(Response&&... response) {
        this->result.emplace();
        if constexpr (sizeof...(Response) != 0) {
            this->result->value.emplace(std::forward<Response>(response)...);
        }
    }

    /// Puts error there as the reply.
    void fail(std::exception_ptr error) noexcept {
        this->result.emplace();
        this->result->error = std::move(error);
    }

    /// The job is answered while its handler still runs: from now on both the answer and the lane own
    /// it. Only for jobs with a deadline, whose memory is detached.
    void add_owner() noexcept { owners_.store(2, std::memory_order_relaxed); }

  protected:
    ~Job() = default;

    /// With a deadline the handler may still be at work on it: the job's end is the request's.
    void retire() noexcept {
        if (!deadline) {
            request.reset();
        }
    }

    /// Lets go for one owner; true for the last one, which frees the memory.
    bool end() noexcept { return !deadline || owners_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  private:
    static std::string_view keep(std::byte* tail, std::string_view text) noexcept {
        if (text.empty()) {
            return {};
        }
        char* const copy = reinterpret_cast<char*>(tail);
        std::memcpy(copy, text.data(), text.size());
        return {copy, text.size()};
    }

    std::atomic<std::uint8_t> owners_{1};
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_JOB_HPP
