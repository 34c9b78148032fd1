// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/connection_pool.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace gateway {

// Connections are closed, which is a system call, after the mutex was released.

std::unique_ptr<Connection> OriginPool::take() {
    std::vector<std::unique_ptr<Connection>> dropped;
    for (;;) {
        std::unique_ptr<Connection> connection;
        {
            const std::lock_guard lock{mutex_};
            if (dropped.empty()) {
                dropped = idle_.take_expired(Clock::now());
            }
            connection = idle_.take().value_or(nullptr);
        }
        if (connection == nullptr || connection->quiet()) {
            return connection;
        }
        dropped.push_back(std::move(connection));
    }
}

void OriginPool::put(std::unique_ptr<Connection> connection) {
    std::vector<std::unique_ptr<Connection>> expired;
    std::optional<std::unique_ptr<Connection>> oldest;
    {
        const std::lock_guard lock{mutex_};
        if (closed_) {
            oldest = std::move(connection);
        } else {
            const Clock::time_point now = Clock::now();
            expired = idle_.take_expired(now);
            oldest = idle_.put(std::move(connection), now);
        }
    }
}

void OriginPool::close() {
    std::vector<std::unique_ptr<Connection>> dropped;
    {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        dropped = idle_.take_all();
    }
}

std::size_t OriginPool::idle() const {
    const std::lock_guard lock{mutex_};
    return idle_.size();
}

OriginPool& ConnectionPool::at(const Origin& origin) {
    const std::lock_guard lock{mutex_};
    const auto found = std::ranges::find(pools_, origin, &OriginPool::origin);
    if (found != pools_.end()) {
        return *found;
    }
    OriginPool& added = pools_.emplace_back(executor_, origin, limits_);
    if (closed_) {
        added.close();
    }
    return added;
}

void ConnectionPool::close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (OriginPool& pool : pools_) {
        pool.close();
    }
}

std::size_t ConnectionPool::idle() const {
    const std::lock_guard lock{mutex_};
    std::size_t sum = 0;
    for (const OriginPool& pool : pools_) {
        sum += pool.idle();
    }
    return sum;
}

}  // namespace gateway
