// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_GUESTS_HPP
#define DISPATCH_DETAIL_QUEUE_GUESTS_HPP

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// For each worker of a pool, the jobs that wait in another worker's queue though they are at home here as well: their
/// session's other home may take them before anybody else may. Thread-safe.
///
/// The mutex is an innermost lock, as that of Backlog is. A job is added and removed by who holds the inbox that it
/// waits in; so who holds that inbox, and finds the job here, knows that it is still queued.
///
/// P is Patience.
template <typename P>
class Guests {
  public:
    /// workers outlives this.
    explicit Guests(const WorkerSet& workers) : loads_{workers}, guests_(workers.size()) {}

    void add(P& guest) noexcept {
        const std::lock_guard lock{mutex_};
        guests_[guest.other_home].push_back(guest);
        loads_[guest.other_home].add_guest();
    }

    void remove(P& guest) noexcept {
        const std::lock_guard lock{mutex_};
        guests_[guest.other_home].remove(guest);
        loads_[guest.other_home].remove_guest();
    }

    /// In whose queue the first of worker's guests waits; no_worker when it has none.
    std::uint32_t first_home(std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        return guests_[worker].empty() ? no_worker : guests_[worker].front().home;
    }

    /// The first of worker's guests, if it waits at home, whose inbox the caller holds; or null.
    P* first_at(std::size_t home, std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        return !guests_[worker].empty() && guests_[worker].front().home == home ? &guests_[worker].front() : nullptr;
    }

  private:
    const WorkerSet& loads_;
    Mutex mutex_;
    std::vector<IntrusiveList<P>> guests_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_GUESTS_HPP
