// SPDX-License-Identifier: Apache-2.0
// What a GenerationService does without being asked.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/redirect_error.hpp>

#include <gateway/log/log.hpp>
#include <gateway/service/service.hpp>

namespace gateway {

net::awaitable<void> GenerationService::resume() {
    try {
        std::int64_t after = 0;
        for (;;) {
            FormerJobs page = co_await store_.former(after, resume_page);
            after = page.last;
            if (page.jobs.empty()) {
                co_return;
            }
            for (PendingJob& job : page.jobs) {
                Slot slot = co_await pending_.enter(size_of(job.session, job.request));
                if (draining_) {
                    co_return;
                }
                co_await resume(std::move(job), std::move(slot));
            }
        }
    } catch (const std::exception& error) {
        if (!draining_) {
            log::error("the jobs of a former run were not all resumed: restart to try again",
                       {{"error", reason(error)}});
        }
    }
}

net::awaitable<void> GenerationService::resume(PendingJob job, Slot slot) {
    Job resumed;
    resumed.running = running_.add(job.id, housekeeping_);  // first: it may be cancelled at any time
    const std::optional<JobState> state = co_await store_.find(job.id);
    if (!state || state->status != JobStatus::pending) {
        running_.remove(job.id);
        co_return;
    }
    ++counts_.resumed;
    resumed.generation.trace = new_trace();
    log::info("job resumed", {{"job_id", job.id}, {"trace_id", resumed.generation.trace.id}});
    resumed.generation.id = job.id;
    resumed.generation.dialect = job.dialect;
    resumed.generation.request = std::move(job.request);
    resumed.id = std::move(job.id);
    resumed.session = std::move(job.session);
    run_in_background(std::move(resumed), std::move(slot));
}

net::awaitable<void> GenerationService::remove_expired() {
    const auto interval = std::clamp<std::chrono::milliseconds>(options_.job_ttl / 10, std::chrono::milliseconds{100},
                                                                std::chrono::minutes{1});
    while (!draining_) {
        std::size_t removed = 0;
        try {
            removed = co_await store_.remove_expired(expired_batch);
        } catch (const StoreError& error) {
            log::error("expired jobs could not be removed", {{"error", error.what()}});
        }
        if (removed < expired_batch && !draining_) {
            pause_.expires_after(interval);
            error_code ignored;
            co_await pause_.async_wait(net::redirect_error(net::use_awaitable, ignored));
        }
    }
}

/// While the store cannot write, asks it again and again: nobody else may, as balancers send nothing any more.
net::awaitable<void> GenerationService::watch_store() {
    bool well = true;
    while (!draining_) {
        if (store_.health() != StoreHealth::well) {
            if (std::exchange(well, false)) {
                log::error("the store cannot write: not ready");
            }
            try {
                co_await store_.probe();
            } catch (const StoreError&) {
                // Its health tells.
            }
        }
        if (!well && store_.health() == StoreHealth::well) {
            well = true;
            log::info("the store can write again: ready");
        }
        if (!draining_) {
            probe_pause_.expires_after(options_.probe_interval);
            error_code ignored;
            co_await probe_pause_.async_wait(net::redirect_error(net::use_awaitable, ignored));
        }
    }
}

}  // namespace gateway
