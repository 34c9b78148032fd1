// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_JOB_JOB_NODE_HPP
#define DISPATCH_DETAIL_JOB_JOB_NODE_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

template <typename Executor>
class Worker;

/// Names a running job without pointing at it: by the worker's lane that runs it, and by the number of that run.
struct RunTicket {
    std::uint32_t lane = 0;
    std::uint64_t run = 0;
};

/// The state of a job. Guarded by the lock of its worker's inbox.
enum class JobState : std::uint8_t {
    queued,   ///< in the inbox, waiting for a place or for a permit
    running,  ///< a lane runs it
    replied,  ///< its reply is decided, and on its way to the submitter
};

/// A job without its request and its response: what the queue and the worker know of it, which do not depend on their
/// types.
template <typename Executor>
class JobNode : public AnyOperation<Executor> {
  public:
    using Clock = std::chrono::steady_clock;

    /// The session's text, in the job's own memory. Empty if the job has no session.
    const std::string_view session;
    /// When the operation started. The clock's epoch if no worker of the pool needs times.
    const Clock::time_point submitted_at;
    /// SubmitOptions::deadline.
    const std::optional<Clock::time_point> deadline;

    /// The worker to which the job was routed. Null until then, and if the job was refused.
    Worker<Executor>* owner = nullptr;
    /// The worker that runs the job, if that is not its owner. It is there as long as state is running. Guarded by the
    /// lock of the owner's inbox, as are the members below, and constant once the job runs, as is ticket.
    Worker<Executor>* runner = nullptr;
    /// Which run of which lane runs the job.
    RunTicket ticket;
    /// The state of the job.
    JobState state = JobState::queued;
    /// The job's index in the inbox's heap of deadlines.
    std::size_t deadline_index = 0;
    /// Whether another worker may run the job while it waits. Set before the job is queued.
    bool may_move = false;
    /// The job's number among those of its inbox.
    std::uint64_t order;
    /// When it began to wait for a permit, among all jobs of the pool: less is earlier. 0 if there was one for it.
    std::uint64_t age;

    /// Makes error the reply.
    virtual void fail(std::exception_ptr error) noexcept = 0;

    /// Gives the job two owners, the answer and the lane, as it is answered while its handler still runs. Only for jobs
    /// with a deadline: their memory does not come from the completion handler's allocator.
    void add_owner() noexcept { owners_.store(2, std::memory_order_relaxed); }

  protected:
    /// Copies the session's text to tail, which has room for it.
    JobNode(std::byte* tail, const SubmitOptions& options, Clock::time_point now) noexcept
        : AnyOperation<Executor>{tail},
          session{keep(tail, options.session.value_or(std::string_view{}))},
          submitted_at{now},
          deadline{options.deadline} {}
    ~JobNode() = default;

    /// Releases the job for one owner. Returns true to the last one, which frees the memory.
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

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_JOB_JOB_NODE_HPP
