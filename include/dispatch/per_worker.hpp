// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_PER_WORKER_HPP
#define DISPATCH_PER_WORKER_HPP

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What per_worker() makes: stands for the handlers that a factory makes.
template <typename Factory>
class PerWorker {
  public:
    /// See per_worker().
    explicit PerWorker(Factory factory) : factory_{std::move(factory)} {}

    /// The handler of the worker with this number.
    decltype(auto) operator()(std::size_t worker) { return std::invoke(factory_, worker); }

  private:
    Factory factory_;
};

/// For spawn_workers, in the place of a handler: each worker gets a handler of its own, rather than a copy.
///
/// spawn_workers calls factory(number) for each worker, in order and before it returns, with the worker's number
/// (WorkerHandle::id(): 0 to n - 1). What that returns is the worker's handler, which may be move-only, and may own
/// what no other worker shares: a connection, a device, a session with a back end. What factory throws leaves
/// spawn_workers, and the handlers that were made before are gone. factory itself is gone when spawn_workers returns.
///
/// A handler lives as long as its worker: until its pool is stopped or destroyed, its jobs have ended, and the last
/// WorkerHandle is gone; or until the execution context is destroyed, if that goes first. It is destroyed by whoever
/// lets go last.
template <typename Factory>
PerWorker<std::decay_t<Factory>> per_worker(Factory&& factory) {
    static_assert(std::is_invocable_v<std::decay_t<Factory>&, std::size_t>,
                  "dispatch: per_worker takes a function from a worker's number to its handler: write "
                  "per_worker([](std::size_t number) { return Handler{number}; })");
    return PerWorker<std::decay_t<Factory>>{std::forward<Factory>(factory)};
}

namespace detail {

/// The handler that workers have, given what was passed to spawn_workers: a handler, or a PerWorker.
template <typename T>
struct HandlerOf {
    using type = T;
};
template <typename Factory>
struct HandlerOf<PerWorker<Factory>> {
    using type = std::decay_t<std::invoke_result_t<Factory&, std::size_t>>;
};

template <typename T>
inline constexpr bool is_per_worker = false;
template <typename Factory>
inline constexpr bool is_per_worker<PerWorker<Factory>> = true;

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_PER_WORKER_HPP
