// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_OUTBOX_HPP
#define DISPATCH_DETAIL_OUTBOX_HPP

#include <cstddef>
#include <mutex>
#include <utility>

#include <dispatch/detail/config.hpp>
#include <dispatch/detail/intrusive_list.hpp>
#include <dispatch/detail/mutex.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Answered jobs on their way from a worker's strand to their submitters. They leave by way of the
/// underlying executor, so that what a submitter does next never occupies the worker, and many to a
/// hand-over: a carrier is posted for the first, and takes along whatever has come by the time it runs.
///
/// As long as there are jobs in the outbox a carrier is waiting in the executor's queue, not counting
/// those that are delivering: when a submitter keeps one of them busy, the next takes over the rest.
/// Thread-safe.
template <typename Op>
class Outbox {
  public:
    /// True when the caller has to post a carrier, which calls deliver().
    [[nodiscard]] bool push(Op& op) noexcept {
        const std::lock_guard lock{mutex_};
        ready_.push_back(op);
        return !std::exchange(carrier_waits_, true);
    }

    /// What a carrier does. send_carrier() posts one more.
    template <typename SendCarrier>
    void deliver(SendCarrier&& send_carrier) {
        bool arriving = true;
        for (std::size_t deliveries = 0; deliveries != deliveries_per_turn; ++deliveries) {
            Op* op = nullptr;
            bool relay = false;
            {
                const std::lock_guard lock{mutex_};
                if (std::exchange(arriving, false)) {
                    carrier_waits_ = false;
                }
                op = ready_.pop_front();
                if (op == nullptr) {
                    return;
                }
                relay = !ready_.empty() && !std::exchange(carrier_waits_, true);
            }
            if (relay) {
                send_carrier();
            }
            op->deliver();
        }
    }

    /// Lets go of all that was not delivered.
    void destroy_all() noexcept {
        List ready;
        {
            const std::lock_guard lock{mutex_};
            ready = std::move(ready_);
        }
        while (Op* op = ready.pop_front()) {
            op->destroy();
        }
    }

  private:
    using List = IntrusiveList<Op>;

    /// After so many a carrier yields its thread; another one is in the queue then.
    static constexpr std::size_t deliveries_per_turn = 64;

    Mutex mutex_;
    List ready_;
    bool carrier_waits_ = false;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_OUTBOX_HPP
