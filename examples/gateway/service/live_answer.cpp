// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/live_answer.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/jobs/uuid.hpp>
#include <gateway/service/service.hpp>

namespace gateway {

net::awaitable<std::unique_ptr<LiveAnswer>> GenerationService::stream(JobRequest request) {
    std::unique_ptr<LiveAnswer> live{new LiveAnswer{*this, make_uuid(), request.trace.id, admit(request)}};
    ++counts_.accepted;
    ++counts_.streamed;
    Generation generation;
    generation.id = live->id();
    generation.dialect = request.dialect;
    generation.prepared = true;
    generation.request = std::move(request.prepared);
    generation.delivery = Delivery::in_parts;
    generation.usage_wanted = request.usage_wanted;
    generation.note = live->note_;
    generation.trace = std::move(request.trace);
    dispatch::SubmitOptions options =
        submit_options(request.session, generation.request.size(), live->start_ + options_.job_timeout);
    options.report = &live->report_;
    std::exception_ptr error;
    try {
        live->parts_ = co_await pool_.submit(options, std::move(generation), net::use_awaitable);
        figures_.first_part(Clock::now() - live->start_);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        co_await live->fail(std::move(error));
    }
    co_return live;
}

LiveAnswer::LiveAnswer(GenerationService& service, std::string id, std::string trace_id, PendingJobs::Slot slot)
    : service_{service}, id_{std::move(id)}, trace_id_{std::move(trace_id)}, slot_{std::move(slot)} {}

LiveAnswer::~LiveAnswer() {
    if (slot_) {
        const Clock::duration took = end(service_.counts_.cancelled);
        GenerationService::report_ended("job cancelled", id_, took, trace_id_);
    }
}

net::awaitable<LiveAnswer::Next> LiveAnswer::next(Clock::duration patience) {
    for (;;) {
        if (!wait_) {
            if (std::optional<std::string> text = try_next()) {
                co_return Next{Next::What::part, std::move(*text)};
            }
            begin_wait(co_await net::this_coro::executor);
        }
        if (!wait_->over) {
            wait_->timer.expires_after(patience);
            error_code ignored;
            co_await wait_->timer.async_wait(net::redirect_error(net::use_awaitable, ignored));
            const net::cancellation_state state = co_await net::this_coro::cancellation_state;
            if (state.cancelled() != net::cancellation_type::none) {
                throw boost::system::system_error{net::error::operation_aborted};
            }
            if (!wait_->over) {
                co_return Next{Next::What::silence, {}};
            }
        }
        const std::shared_ptr<Wait> waited = std::exchange(wait_, nullptr);
        if (waited->error) {
            co_await fail(waited->error);
        }
        if (!waited->part) {
            const Clock::duration took = end(service_.counts_.completed);
            GenerationService::report_ended("job completed", id_, took, trace_id_);
            co_return Next{};
        }
        if (std::optional<std::string> text = take(std::move(*waited->part))) {
            co_return Next{Next::What::part, std::move(*text)};
        }
    }
}

void LiveAnswer::begin_wait(const net::any_io_executor& executor) {
    wait_ = std::make_shared<Wait>(executor);
    auto heard = [wait = wait_](std::exception_ptr error, std::optional<ModelAnswer> part) {
        wait->over = true;
        wait->error = std::move(error);
        wait->part = std::move(part);
        wait->timer.cancel();
    };
    parts_.next(net::bind_executor(executor, std::move(heard)));
}

std::optional<std::string> LiveAnswer::try_next() {
    std::optional<ModelAnswer> part = parts_.try_next();
    return part ? take(std::move(*part)) : std::nullopt;
}

/// Nothing: the part says only what it adds to the cost.
std::optional<std::string> LiveAnswer::take(ModelAnswer part) {
    service_.figures_.spent(part.usage);
    return part.text.empty() ? std::nullopt : std::optional{std::move(part.text)};
}

net::awaitable<void> LiveAnswer::fail(std::exception_ptr error) {
    const net::cancellation_state state = co_await net::this_coro::cancellation_state;
    if (state.cancelled() != net::cancellation_type::none) {
        std::rethrow_exception(error);
    }
    const Failure failure =
        service_.failure(id_, error, *note_)
            .value_or(Failure{503, "shutting_down", "the gateway is shutting down", true, std::chrono::seconds{5}});
    const Clock::duration took = end(service_.counts_.failed);
    service_.report_failed(id_, failure, took, trace_id_);
    throw JobFailed{id_, failure};
}

Clock::duration LiveAnswer::end(std::atomic<std::uint64_t>& count) {
    ++count;
    const Clock::duration took = Clock::now() - start_;
    service_.figures_.ended(took);
    slot_.reset();
    return took;
}

}  // namespace gateway
