// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/turns.hpp>

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

namespace gateway {

// Who waits sleeps on a timer of its own, and is woken by its cancellation, which is posted to its executor: as that is
// a strand, the wait has begun by then. Only the first in the line sets its timer to when the next may go; if it
// leaves, settle() wakes the one after it. So nobody depends on another's being there, and no timer is shared.

Turns::Figures Turns::figures() const {
    const std::lock_guard lock{mutex_};
    return {pacer_.limit(), pacer_.waiting()};
}

void Turns::settle(Clock::time_point now) {
    for (const Pacer::Ticket& ticket : pacer_.admit(now)) {
        const auto node = line_.extract(ticket.number);
        node.mapped()->admitted = ticket;
        wake(node.mapped());
    }
    const std::optional<Clock::time_point> next = pacer_.next();
    if (next && line_.begin()->second->until != *next) {
        wake(line_.begin()->second);
    }
}

void Turns::wake(const std::shared_ptr<Waiter>& waiter) {
    net::post(waiter->timer.get_executor(), [waiter] { waiter->timer.cancel(); });
}

net::awaitable<void> Turns::Turn::wait(WaitNote& note) {
    if (!waiter_) {
        const std::lock_guard lock{turns_.mutex_};
        ticket_ = turns_.pacer_.try_admit(Clock::now());
        if (ticket_) {
            co_return;
        }
        auto waiter = std::make_shared<Waiter>(executor_);
        ticket_ = turns_.pacer_.join();
        turns_.line_.emplace(ticket_->number, waiter);
        waiter_ = std::move(waiter);
    }
    for (;;) {
        {
            const std::lock_guard lock{turns_.mutex_};
            const Clock::time_point now = Clock::now();
            waiter_->until = Clock::time_point::max();
            if (!waiter_->admitted && turns_.line_.begin()->second == waiter_) {
                waiter_->until = turns_.pacer_.next().value_or(Clock::time_point::max());
            }
            turns_.settle(now);
            if (waiter_->admitted) {
                ticket_ = waiter_->admitted;
                waiter_.reset();
                note.not_limited();
                co_return;
            }
            note.limited_until(std::max(turns_.pacer_.not_before(), now));
            waiter_->timer.expires_at(waiter_->until);
        }
        error_code woken;
        co_await waiter_->timer.async_wait(net::redirect_error(net::use_awaitable, woken));
    }
}

void Turns::Turn::answered() {
    const std::lock_guard lock{turns_.mutex_};
    ticket_.reset();
    turns_.pacer_.answered();
    turns_.settle(Clock::now());
}

std::size_t Turns::Turn::refused(std::optional<std::chrono::milliseconds> retry_after, double chance) {
    auto waiter = std::make_shared<Waiter>(executor_);
    const std::lock_guard lock{turns_.mutex_};
    const Clock::time_point now = Clock::now();
    turns_.line_.emplace(ticket_->number, waiter);
    turns_.pacer_.refused(*ticket_, now, retry_after, chance);
    waiter_ = std::move(waiter);
    turns_.settle(now);
    return turns_.pacer_.limit();
}

void Turns::Turn::leave() {
    if (!ticket_) {
        return;
    }
    const std::lock_guard lock{turns_.mutex_};
    turns_.line_.erase(ticket_->number);
    turns_.pacer_.leave(*ticket_);
    ticket_.reset();
    waiter_.reset();
    turns_.settle(Clock::now());
}

}  // namespace gateway
