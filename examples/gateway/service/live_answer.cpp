// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/live_answer.hpp>

#include <boost/asio/this_coro.hpp>

#include <gateway/jobs/uuid.hpp>
#include <gateway/log/log.hpp>
#include <gateway/service/service.hpp>

namespace gateway {

net::awaitable<std::unique_ptr<LiveAnswer>> GenerationService::stream(JobRequest request) {
    std::unique_ptr<LiveAnswer> live{new LiveAnswer{*this, make_uuid(), admit(request)}};
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

LiveAnswer::LiveAnswer(GenerationService& service, std::string id, PendingJobs::Slot slot)
    : service_{service}, id_{std::move(id)}, slot_{std::move(slot)} {}

LiveAnswer::~LiveAnswer() {
    if (!ended_) {
        end(service_.counts_.cancelled, "job cancelled");
    }
}

net::awaitable<std::optional<std::string>> LiveAnswer::next() {
    std::exception_ptr error;
    try {
        while (std::optional<ModelAnswer> part = co_await parts_.next()) {
            if (std::optional<std::string> text = take(std::move(*part))) {
                co_return text;
            }
        }
        end(service_.counts_.completed, "job completed");
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        co_await fail(std::move(error));
    }
    co_return std::nullopt;
}

std::optional<std::string> LiveAnswer::try_next() {
    std::optional<ModelAnswer> part = parts_.try_next();
    return part ? take(std::move(*part)) : std::nullopt;
}

/// Nothing: the part says what all has cost.
std::optional<std::string> LiveAnswer::take(ModelAnswer part) {
    service_.figures_.spent(part.usage);
    return part.text.empty() ? std::nullopt : std::optional{std::move(part.text)};
}

net::awaitable<void> LiveAnswer::fail(std::exception_ptr error) {
    const net::cancellation_state state = co_await net::this_coro::cancellation_state;
    if (state.cancelled() != net::cancellation_type::none) {
        std::rethrow_exception(error);
    }
    std::optional<Failure> failure = service_.failure(id_, error, *note_);
    end(service_.counts_.failed, "job failed");
    throw JobFailed{failure
                        ? std::move(*failure)
                        : Failure{503, "shutting_down", "the gateway is shutting down", true, std::chrono::seconds{5}}};
}

void LiveAnswer::end(std::atomic<std::uint64_t>& count, const char* how) {
    ended_ = true;
    ++count;
    const Clock::duration took = Clock::now() - start_;
    service_.figures_.ended(took);
    log::info(how, {{"job_id", id_}, {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

}  // namespace gateway
