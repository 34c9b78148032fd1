// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_PER_WORKER_HPP
#define DISPATCH_PER_WORKER_HPP

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// A factory of handlers, made by per_worker(). spawn_workers() takes it in place of a handler.
template <typename Factory>
class PerWorker {
  public:
    /// Keeps factory. Prefer per_worker(), which deduces and checks its type.
    explicit PerWorker(Factory factory) : factory_{std::move(factory)} {}

    /// Makes the handler of the worker with this number. Throws what the factory throws.
    decltype(auto) operator()(std::size_t worker) { return std::invoke(factory_, worker); }

  private:
    Factory factory_;
};

/// Gives each worker a handler of its own instead of a copy: pass the result to spawn_workers() in place of a handler.
///
/// spawn_workers() calls `factory(number)` once for each worker, in the order of their numbers (0 to n - 1; see
/// WorkerHandle::id()), and makes the result the worker's handler. A handler may be move-only, and may own what it
/// shares with no other worker: a connection, a device, a session with a back end.
///
/// If factory throws, the exception leaves spawn_workers() and the handlers made so far are destroyed. factory is
/// destroyed when spawn_workers() has returned.
///
/// @par Object lifetimes
/// A handler lives as long as its worker: until the pool is destroyed, the worker's jobs have ended and no WorkerHandle
/// of the worker is left. The thread that releases the last of these destroys the handler. If the execution context is
/// destroyed first, the handler is destroyed with it.
template <typename Factory>
PerWorker<std::decay_t<Factory>> per_worker(Factory&& factory) {
    static_assert(std::is_invocable_v<std::decay_t<Factory>&, std::size_t>,
                  "dispatch: per_worker takes a function from a worker's number to its handler: write "
                  "per_worker([](std::size_t number) { return Handler{number}; })");
    return PerWorker<std::decay_t<Factory>>{std::forward<Factory>(factory)};
}

namespace detail {

/// The type of the workers' handlers. T is what was passed to spawn_workers: a handler, or a PerWorker.
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
