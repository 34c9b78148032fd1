// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/pending_jobs.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

namespace gateway {

PendingJobs::PendingJobs(const net::any_io_executor& executor, std::size_t max_jobs, std::uint64_t max_bytes)
    : max_bytes_{max_bytes},
      permits_{executor, max_jobs},
      strand_{net::make_strand(executor)},
      none_{std::make_shared<net::steady_timer>(strand_)} {}

std::optional<PendingJobs::Slot> PendingJobs::try_enter(std::uint64_t bytes) {
    dispatch::Permit permit = permits_.try_acquire();
    if (!permit || !has_room_for(bytes)) {
        return std::nullopt;  // two that race may both pass, and exceed the limit by one request: it is no less a limit
    }
    return make_slot(std::move(permit), bytes);
}

bool PendingJobs::try_take(std::uint64_t bytes) {
    if (!has_room_for(bytes)) {
        return false;
    }
    bytes_ += bytes;
    return true;
}

bool PendingJobs::has_room_for(std::uint64_t bytes) const {
    return bytes <= max_bytes_ && bytes_ <= max_bytes_ - bytes;
}

net::awaitable<PendingJobs::Slot> PendingJobs::enter(std::uint64_t bytes) {
    dispatch::Permit permit = co_await permits_.async_acquire(net::use_awaitable);
    co_return make_slot(std::move(permit), bytes);
}

PendingJobs::Slot PendingJobs::make_slot(dispatch::Permit permit, std::uint64_t bytes) {
    ++jobs_;
    bytes_ += bytes;
    return Slot{*this, std::move(permit), bytes};
}

void PendingJobs::leave(std::uint64_t bytes) {
    const std::shared_ptr<net::steady_timer> none = none_;  // whoever waits for the last one may destroy this after it
    bytes_ -= bytes;
    if (--jobs_ == 0) {
        net::post(none->get_executor(), [none] { none->cancel(); });
    }
}

net::awaitable<bool> PendingJobs::wait_until_none(Clock::time_point end) {
    return net::co_spawn(strand_, wait_on_strand(end), net::use_awaitable);
}

net::awaitable<bool> PendingJobs::wait_on_strand(Clock::time_point end) {
    // The last one's cancel comes by the strand, so it cannot fall between the look and the wait.
    while (jobs_ > 0 && Clock::now() < end) {
        none_->expires_at(end);
        error_code ignored;
        co_await none_->async_wait(net::redirect_error(net::use_awaitable, ignored));
    }
    co_return jobs_ == 0;
}

}  // namespace gateway
