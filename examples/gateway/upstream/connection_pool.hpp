// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_CONNECTION_POOL_HPP
#define GATEWAY_UPSTREAM_CONNECTION_POOL_HPP

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>

#include <dispatch/semaphore.hpp>
#include <gateway/base/net.hpp>
#include <gateway/upstream/connection.hpp>
#include <gateway/upstream/idle_list.hpp>

namespace gateway {

struct PoolLimits {
    std::size_t max_connections = 0;
    std::size_t max_idle = 0;
    Clock::duration idle_timeout{0};
};

/// The connections to one origin: the right to use one, and those that nobody uses now. Who holds a permit
/// takes an idle connection or opens one, and puts it back before giving up the permit; so there are never
/// more than max_connections, idle ones included. Thread-safe.
class OriginPool {
  public:
    OriginPool(const net::any_io_executor& executor, Origin origin, const PoolLimits& limits)
        : origin_{std::move(origin)},
          permits_{executor, limits.max_connections},
          idle_{limits.max_idle, limits.idle_timeout} {}

    [[nodiscard]] const Origin& origin() const { return origin_; }

    /// First come, first served.
    [[nodiscard]] dispatch::Semaphore& permits() { return permits_; }

    /// The idle connection used last that the peer has not closed as far as is known here; nullptr: there is
    /// none. Drops those that are too old.
    [[nodiscard]] std::unique_ptr<Connection> take();

    /// Keeps connection for the next request, unless close() was called.
    void put(std::unique_ptr<Connection> connection);

    /// Drops the idle connections; from now on none are kept.
    void close();

    /// An estimate.
    [[nodiscard]] std::size_t idle() const;

  private:
    const Origin origin_;
    dispatch::Semaphore permits_;
    mutable std::mutex mutex_;
    IdleList<std::unique_ptr<Connection>> idle_;  ///< guarded by mutex_
    bool closed_ = false;                         ///< guarded by mutex_
};

/// An OriginPool for each origin that was ever asked for: there are few, as the configuration names them, and
/// clients cannot. Thread-safe.
class ConnectionPool {
  public:
    ConnectionPool(net::any_io_executor executor, const PoolLimits& limits)
        : executor_{std::move(executor)}, limits_{limits} {}

    /// Valid as long as this lives.
    [[nodiscard]] OriginPool& at(const Origin& origin);

    /// Closes all.
    void close();

    /// Idle connections; an estimate.
    [[nodiscard]] std::size_t idle() const;

  private:
    const net::any_io_executor executor_;
    const PoolLimits limits_;
    mutable std::mutex mutex_;
    std::list<OriginPool> pools_;  ///< guarded by mutex_
    bool closed_ = false;          ///< guarded by mutex_
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_CONNECTION_POOL_HPP
