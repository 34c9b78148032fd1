// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_GUESTS_HPP
#define DISPATCH_DETAIL_QUEUE_GUESTS_HPP

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
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

    /// In whose queue a guest waits, and since when: see Backlog::Age.
    struct Guest {
        std::uint32_t home;
        std::uint64_t age;
    };

    /// The first of worker's guests, if it has any.
    std::optional<Guest> first(std::size_t worker) noexcept {
        const std::lock_guard lock{mutex_};
        if (guests_[worker].empty()) {
            return std::nullopt;
        }
        const P& front = guests_[worker].front();
        return Guest{front.home, front.job->age};
    }

    /// That guest of worker's, if it is the first still; or null. The caller holds the inbox that it waits in.
    P* first_still(std::size_t worker, const Guest& guest) noexcept {
        const std::lock_guard lock{mutex_};
        return !guests_[worker].empty() && guests_[worker].front().job->age == guest.age ? &guests_[worker].front()
                                                                                         : nullptr;
    }

  private:
    const WorkerSet& loads_;
    Mutex mutex_;
    std::vector<IntrusiveList<P>> guests_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_GUESTS_HPP
