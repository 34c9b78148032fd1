// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/pacer.hpp>

#include <algorithm>

namespace gateway {

namespace {

using std::chrono::milliseconds;

/// As long as the upstream asks for, and a little more, for there may be other clients who were told the same.
milliseconds as_told(milliseconds wait, double chance) {
    const milliseconds spread = std::min<milliseconds>(wait / 10, std::chrono::seconds{1});
    return wait + milliseconds{static_cast<std::int64_t>(static_cast<double>(spread.count()) * chance)};
}

}  // namespace

Pacer::Ticket Pacer::join() {
    Ticket ticket;
    ticket.number = next_number_++;
    line_.insert(line_.end(), ticket.number);
    return ticket;
}

std::vector<Pacer::Ticket> Pacer::admit(Clock::time_point now) {
    std::vector<Ticket> admitted;
    while (!line_.empty() && now >= not_before_ && has_room()) {
        admitted.push_back({*line_.begin(), epoch_});
        line_.erase(line_.begin());
        ++under_way_;
    }
    return admitted;
}

std::optional<Pacer::Ticket> Pacer::try_admit(Clock::time_point now) {
    if (!line_.empty() || now < not_before_ || !has_room()) {
        return std::nullopt;
    }
    ++under_way_;
    return Ticket{next_number_++, epoch_};
}

std::optional<Clock::time_point> Pacer::next() const {
    return line_.empty() || !has_room() ? std::nullopt : std::optional{not_before_};
}

void Pacer::answered() {
    if (static_cast<double>(under_way_) * 2 >= limit_) {
        limit_ = std::min(max_, limit_ + 1 / limit_);
    }
    --under_way_;
    refusals_ = 0;
}

void Pacer::refused(const Ticket& ticket, Clock::time_point now, std::optional<milliseconds> retry_after,
                    double chance) {
    if (ticket.epoch == epoch_) {
        limit_ = std::max(1.0, std::min(limit_, static_cast<double>(under_way_)) / 2);
        ++epoch_;
        ++refusals_;
    }
    --under_way_;
    line_.insert(ticket.number);
    const milliseconds wait = retry_after
                                  ? as_told(*retry_after, chance)
                                  : backoff(untold_, std::max<std::size_t>(refusals_, 1) + 1, std::nullopt, chance);
    not_before_ = std::max(not_before_, now + wait);
}

void Pacer::leave(const Ticket& ticket) {
    if (line_.erase(ticket.number) == 0) {
        --under_way_;
    }
}

}  // namespace gateway
