// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_STREAM_JOB_HPP
#define DISPATCH_DETAIL_STREAM_STREAM_JOB_HPP

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/recycler.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/run/pool_state.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/detail/stream/stream_core.hpp>
#include <dispatch/detail/stream/stream_request.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/job_report.hpp>
#include <dispatch/options.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// With what a submit operation completes: a stream, or an error. In any case the stream is the reader's share of the
/// node, which the operation's cancellation slot refers to until it completes.
template <typename StreamType>
struct Opening {
    std::exception_ptr error;
    StreamType stream;

    Opening take() noexcept { return std::move(*this); }

    template <typename Handler>
    void pass_to(Handler&& handler) && {
        if (error) {
            stream = StreamType{};
        }
        std::forward<Handler>(handler)(std::move(error), std::move(stream));
    }
};

/// A job whose handler writes a stream. To the worker it is one that ends without a value, when its handler has ended;
/// what it is answered with then is the end of the stream. The submit operation completes earlier, with the first part.
template <typename R, typename StreamType, typename Executor>
class StreamJob : public StreamCore<typename StreamType::value_type>,
                  public Job<StreamRequest<R, typename StreamType::value_type, Executor>, void, Executor> {
    using T = typename StreamType::value_type;
    using Core = StreamCore<T>;
    using Base = Job<StreamRequest<R, T, Executor>, void, Executor>;
    using Pool = PoolState<Executor>;

  public:
    /// The submit operation.
    using Opener = Operation<Opening<StreamType>, Executor>;

    net::any_io_executor executor() const noexcept final {
        return pool_->executor() ? net::any_io_executor{*pool_->executor()}
                                 : net::any_io_executor{net::system_executor{}};
    }

    // The job ends by one of these.

    void run() final {
        const Waiting waiting = end();
        if (waiting.opener != nullptr) {
            waiting.opener->run();
        } else if (waiting.reader != nullptr) {
            waiting.reader->run();
        }
    }

    void post(const Executor& native) noexcept final {
        const Waiting waiting = end();
        if (waiting.opener != nullptr) {
            waiting.opener->post(native);
        } else if (waiting.reader != nullptr) {
            waiting.reader->post(native);
        }
    }

    void destroy() noexcept final {
        if (!Base::end()) {
            return;  // its other owner answers it
        }
        if (!answered_) {
            destroy_unanswered();
        }
        let_go();
    }

  protected:
    StreamJob(std::byte* tail, const std::shared_ptr<Pool>& pool, R&& wanted, const SubmitOptions& options,
              typename Base::Clock::time_point now, bool has_patience)
        : Core{pool->stream_buffer},
          Base{tail, StreamRequest<R, T, Executor>{std::move(wanted), *this}, reporting_to(report_, options), now,
               has_patience},
          pool_{pool},
          asked_report_{options.report} {}
    ~StreamJob() = default;

    /// What waits for the stream; once.
    void opens(Opener& opener) noexcept { opener_ = &opener; }

  private:
    static SubmitOptions reporting_to(JobReport& report, SubmitOptions options) noexcept {
        options.report = options.report != nullptr ? &report : nullptr;
        return options;
    }

    /// The worker that runs the job.
    Worker<Executor>& running_on() const noexcept { return this->runner() != nullptr ? *this->runner() : *this->owner; }

    void open() noexcept final {
        lives_ = this->owner->weak_from_this();
        if (this->submitted_at != typename Base::Clock::time_point{}) {
            const auto now = now_on(*pool_->executor());
            this->first_part_at_ = now;
            if (asked_report_ != nullptr) {
                *asked_report_ = this->report_at(running_on().id(), now);
            }
        }
        running_on().complete(opening(nullptr));
    }

    void complete(typename Core::Reading& operation) noexcept final { running_on().complete(operation); }

    void cancel() noexcept final {
        // A stream was opened, or nobody could abandon it.
        if (const auto routed_to = lives_.lock(); routed_to && routed_to->has_context()) {
            retry_on_bad_alloc([&] { routed_to->cancel(*this, net::cancellation_type::terminal); });
        }
    }

    /// The submit operation, about to complete.
    Opener& opening(std::exception_ptr error) noexcept {
        Opener& opener = *std::exchange(opener_, nullptr);
        opener.result.emplace(Opening<StreamType>{std::move(error), StreamType{*this}});
        return opener;
    }

    /// Who waits for the end of the stream: one of them, or nobody.
    struct Waiting {
        Opener* opener = nullptr;
        typename Core::Reading* reader = nullptr;
    };

    /// The job has ended with its result: so does the stream. Lets go of the job, and returns whose operation completes
    /// with that: which may throw what the completion handler does.
    Waiting end() noexcept {
        answered_ = true;
        if (!this->deadline) {
            this->request.reset();
        }
        auto left = this->close(std::move(this->result->error));
        Waiting waiting{nullptr, left.reader};
        if (left.opens) {
            if (asked_report_ != nullptr) {
                *asked_report_ = report_;
            }
            waiting.opener = &opening(std::move(left.error));
        }
        this->refuse(left.writers);
        if (Base::end()) {
            let_go();
        }
        return waiting;
    }

    [[gnu::noinline]] void destroy_unanswered() noexcept {
        auto left = this->close(make_system_error(make_error_code(errc::abandoned)));
        if (left.opens) {
            std::exchange(opener_, nullptr)->destroy();
            this->drop_owner();
        }
        Core::destroy_all(left);
    }

    void let_go() noexcept {
        this->request.reset();
        this->drop_owner();
    }

    const std::shared_ptr<Pool> pool_;
    /// Says whether the job's owner is there, which cancels the job for a reader who has gone.
    std::weak_ptr<Worker<Executor>> lives_;
    Opener* opener_ = nullptr;
    bool answered_ = false;
    /// SubmitOptions::report, which is written when the submit operation completes, and what the job's end is written
    /// to.
    JobReport* const asked_report_;
    JobReport report_;
};

/// It together with the submitter's completion handler.
template <typename R, typename StreamType, typename Executor, typename Handler>
class StreamOperation final : public StreamJob<R, StreamType, Executor> {
    using Base = StreamJob<R, StreamType, Executor>;
    using Opener = HandlerOperation<typename Base::Opener, Handler, Executor>;

  public:
    /// The pool's context lives. Where it throws, handler is unchanged.
    static StreamOperation* make(Handler& handler, const std::shared_ptr<PoolState<Executor>>& pool, R&& request,
                                 const SubmitOptions& options, JobContext::Clock::time_point now, bool has_patience) {
        const std::size_t tail_size = JobNode<Executor>::tail_size(options, has_patience);
        void* const place = NodeMemory<StreamOperation>::allocate(tail_size);
        StreamOperation* job = nullptr;
        try {
            std::byte* const tail = static_cast<std::byte*>(place) + sizeof(StreamOperation);
            job = ::new (place) StreamOperation{tail, tail_size, pool, std::move(request), options, now, has_patience};
            job->opener_ = Opener::make(handler, *pool->executor(), Memory::handler, 0);
        } catch (...) {
            if (job != nullptr) {
                job->~StreamOperation();
            }
            NodeMemory<StreamOperation>::deallocate(place, tail_size);
            throw;
        }
        job->opens(*job->opener_);
        return job;
    }

    /// Before the job is queued.
    auto cancellation_slot() const noexcept { return opener_->cancellation_slot(); }

  private:
    template <typename... Args>
    StreamOperation(std::byte* tail, std::size_t tail_size, Args&&... args)
        : Base{tail, std::forward<Args>(args)...}, tail_size_{tail_size} {}
    ~StreamOperation() = default;

    void free() noexcept override {
        const std::size_t tail_size = tail_size_;
        this->~StreamOperation();
        NodeMemory<StreamOperation>::deallocate(this, tail_size);
    }

    const std::size_t tail_size_;
    Opener* opener_ = nullptr;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_STREAM_STREAM_JOB_HPP
