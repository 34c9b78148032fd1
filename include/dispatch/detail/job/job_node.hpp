// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_JOB_JOB_NODE_HPP
#define DISPATCH_DETAIL_JOB_JOB_NODE_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/job/deadline_place.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/job_report.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

template <typename Executor>
class Worker;

/// Names a running job without pointing at it: by the worker's lane that runs it, and by the number of that run.
struct RunTicket {
    std::uint32_t lane;
    std::uint64_t run;
};

/// The state of a job. Guarded by the lock of its worker's inbox.
enum class JobState : std::uint8_t {
    queued,   ///< in the inbox, waiting for a place or for a permit
    running,  ///< a lane runs it
    replied,  ///< its reply is decided, and on its way to the submitter
};

/// A job without its request and its response: what the queue and the worker know of it, which do not depend on their
/// types.
///
/// Most jobs are plain. What only others need is not written for those: its members say when they mean something.
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

    /// What makes a job take more care than most do: a bit for each. None of them: a plain job. Set before the job is
    /// queued, but for the one of a job that another worker takes: under the lock of the owner's inbox, by that worker.
    enum class Care : std::uint8_t {
        deadline = 1,
        patience = 2,
        times = 4,  ///< how long it waits and runs is asked for
        moved = 8,  ///< it is run on another worker than its owner, or was sent past its session's homes
    };
    bool is_plain() const noexcept { return care_ == 0; }
    bool needs(Care care) const noexcept { return (care_ & static_cast<std::uint8_t>(care)) != 0; }
    bool needs_only(Care care) const noexcept { return care_ == static_cast<std::uint8_t>(care); }
    /// Whether there is more to do when it ends than to count it and to reply.
    bool ends_with_care() const noexcept {
        return (care_ & (static_cast<std::uint8_t>(Care::times) | static_cast<std::uint8_t>(Care::moved))) != 0;
    }
    void add(Care care) noexcept { care_ = static_cast<std::uint8_t>(care_ | static_cast<std::uint8_t>(care)); }

    /// What the session map said about the session. Set when the job is routed.
    SessionVerdict verdict = SessionVerdict::none;
    /// SubmitOptions::report, or null.
    JobReport* report() const noexcept { return needs(Care::times) ? report_ : nullptr; }
    /// How long it waits for the workers that its session prefers, if it has Care::patience.
    using PatienceOfJob = Patience<JobNode, Clock::time_point>;
    PatienceOfJob* patience() noexcept {
        return needs(Care::patience)
                   ? std::launder(reinterpret_cast<PatienceOfJob*>(tail_ + size_of_place(needs(Care::deadline))))
                   : nullptr;
    }
    /// Where it stands among the deadlines of its inbox. Only with a deadline.
    using PlaceOfJob = DeadlinePlace<JobNode, Clock::time_point>;
    PlaceOfJob& deadline_place() noexcept { return *std::launder(reinterpret_cast<PlaceOfJob*>(tail_)); }
    /// When its handler started, in the clock's ticks. 0 before. Only with Care::times.
    std::atomic<Clock::rep> started_at;

    /// The worker to which the job was routed. Null until then, and if the job was refused.
    Worker<Executor>* owner = nullptr;
    /// The worker that runs the job, if that is not its owner; else null. It is there as long as state is running.
    /// Guarded by the lock of the owner's inbox, as are the members below, and constant once the job runs, as is
    /// ticket.
    Worker<Executor>* runner() const noexcept { return needs(Care::moved) ? runner_ : nullptr; }
    /// Says that worker takes the job from its owner.
    void moves_to(Worker<Executor>& worker) noexcept {
        runner_ = &worker;
        add(Care::moved);
    }
    /// Which run of which lane runs the job. Only while state is running.
    RunTicket ticket;
    /// The state of the job.
    JobState state = JobState::queued;
    /// Whether another worker may run the job while it waits. Set before the job is queued.
    bool may_move = false;
    /// The job's number among those of its inbox.
    std::uint64_t order;
    /// When it began to wait for a permit, among all jobs of the pool: less is earlier. 0 if there was one for it.
    std::uint64_t age;

    /// The room that a job needs behind it. Options: SubmitOptions or SessionOnly, here and below.
    template <typename Options>
    static std::size_t tail_size(const Options& options, bool has_patience) noexcept {
        return size_of_place(options.deadline.has_value()) + (has_patience ? sizeof(PatienceOfJob) : 0) +
               (options.session ? options.session->size() : 0);
    }

    /// Says what became of the job, which has ended at that time on that worker, if its submitter asks for it. By
    /// whoever sends the reply, before that.
    void report_end(std::size_t worker, Clock::time_point time) noexcept {
        if (JobReport* const wanted = report()) {
            *wanted = report_at(worker, time);
        }
    }

    /// What is to be said of it then. Only with Care::times.
    JobReport report_at(std::size_t worker, Clock::time_point time) const noexcept {
        const Clock::duration started{started_at.load(std::memory_order_relaxed)};
        const bool ran = started.count() != 0;
        const bool moved = ran && needs(Care::moved) && verdict != SessionVerdict::none;
        const Clock::time_point start = ran ? Clock::time_point{started} : time;
        return {worker, moved ? SessionVerdict::moved : verdict, start - submitted_at, time - start};
    }

    /// Makes error the reply.
    virtual void fail(std::exception_ptr error) noexcept = 0;

    /// Gives the job two owners, the answer and the lane, as it is answered while its handler still runs. Only for jobs
    /// with a deadline: their memory does not come from the completion handler's allocator.
    void add_owner() noexcept { owners_.store(2, std::memory_order_relaxed); }

  protected:
    /// Copies the session's text to tail, which has room for it: tail_size().
    template <typename Options>
    JobNode(std::byte* tail, const Options& options, Clock::time_point now, bool has_patience) noexcept
        : AnyOperation<Executor>{tail},
          session{keep(tail + size_of_place(options.deadline.has_value()) + (has_patience ? sizeof(PatienceOfJob) : 0),
                       options.session.value_or(std::string_view{}))},
          submitted_at{now},
          deadline{options.deadline},
          care_{options.deadline ? static_cast<std::uint8_t>(Care::deadline) : std::uint8_t{0}} {
        static_assert(static_cast<std::uint8_t>(Care::deadline) == 1);
        static_assert(alignof(PatienceOfJob) <= alignof(JobNode) && std::is_trivially_destructible_v<PatienceOfJob>);
        static_assert(alignof(PlaceOfJob) <= alignof(PatienceOfJob) && std::is_trivially_destructible_v<PlaceOfJob>);
        if (options.deadline) {
            owners_.store(1, std::memory_order_relaxed);
            tail_ = tail;
            ::new (static_cast<void*>(tail)) PlaceOfJob{*this, *options.deadline};
        }
        if (has_patience || options.report != nullptr) [[unlikely]] {
            report_ = options.report;
            started_at.store(0, std::memory_order_relaxed);
            add(Care::times);
        }
        if (has_patience) [[unlikely]] {
            tail_ = tail;
            ::new (static_cast<void*>(tail + size_of_place(options.deadline.has_value()))) PatienceOfJob{*this};
            runner_ = nullptr;  // it may be sent past its homes: Care::moved, and on its owner
            add(Care::patience);
        }
    }
    ~JobNode() = default;

    /// Whether the job, which is answered, is also its lane's. If not, it never will be.
    bool is_shared() const noexcept { return deadline && owners_.load(std::memory_order_acquire) != 1; }

    /// Releases the job for one owner. Returns true to the last one, which frees the memory.
    bool end() noexcept { return !is_shared() || owners_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  private:
    static constexpr std::size_t size_of_place(bool has_deadline) noexcept {
        return has_deadline ? sizeof(PlaceOfJob) : 0;
    }

    static std::string_view keep(std::byte* tail, std::string_view text) noexcept {
        if (text.empty()) {
            return {};
        }
        char* const copy = reinterpret_cast<char*>(tail);
        std::memcpy(copy, text.data(), text.size());
        return {copy, text.size()};
    }

    std::uint8_t care_;
    /// Only with a deadline.
    std::atomic<std::uint8_t> owners_;
    /// Only with Care::times.
    JobReport* report_;
    /// Only with Care::moved.
    Worker<Executor>* runner_;
    /// What is behind the job in its memory: the deadline's place, the patience, and the session's text, as far as it
    /// has them. Only with a deadline or patience.
    std::byte* tail_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_JOB_JOB_NODE_HPP
