// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_QUEUE_HPP
#define DISPATCH_DETAIL_RUN_QUEUE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include <dispatch/detail/config.hpp>
#include <dispatch/detail/intrusive_list.hpp>
#include <dispatch/detail/mutex.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Something to be done once. Its owner calls exactly one of the two functions, and it is gone.
class Task : public ListHook {
  public:
    virtual void run() = 0;
    /// Lets go of it undone.
    virtual void destroy() noexcept = 0;

  protected:
    ~Task() = default;
};

/// Tasks on their way to an executor, many to a hand-over: a carrier is posted for the first, and does
/// whatever has come by the time it runs.
///
/// As long as there are tasks here a carrier is waiting in the executor's queue, not counting those that
/// are at work: when a task keeps one of them busy, the next does the rest. Thread-safe.
class RunQueue {
  public:
    enum class Push : std::uint8_t {
        queued,
        first,   ///< queued, and the caller has to post a carrier, which calls carry()
        closed,  ///< not queued: the task is still the caller's
    };

    [[nodiscard]] Push push(Task& task) noexcept {
        const std::lock_guard lock{mutex_};
        if (closed_) [[unlikely]] {
            return Push::closed;
        }
        tasks_.push_back(task);
        return std::exchange(carrier_waits_, true) ? Push::queued : Push::first;
    }

    /// What a carrier does. send_carrier() posts one more.
    template <typename SendCarrier>
    void carry(SendCarrier&& send_carrier) {
        bool arriving = true;
        for (std::size_t tasks = 0; tasks != tasks_per_turn; ++tasks) {
            Task* task = nullptr;
            bool relay = false;
            {
                const std::lock_guard lock{mutex_};
                if (std::exchange(arriving, false)) {
                    carrier_waits_ = false;
                }
                task = tasks_.pop_front();
                if (task == nullptr) {
                    return;
                }
                relay = !tasks_.empty() && !std::exchange(carrier_waits_, true);
            }
            if (relay) {
                send_carrier();
            }
            task->run();
            if (turn_is_over_.load(std::memory_order_relaxed)) [[unlikely]] {
                turn_is_over_.store(false, std::memory_order_relaxed);
                return;
            }
        }
    }

    /// For a task that has done a lot: its carrier goes back to the executor's queue. (With several
    /// carriers at work it may be another one that does: a hint, and no more.)
    void end_turn() noexcept { turn_is_over_.store(true, std::memory_order_relaxed); }

    /// Lets go of all tasks, now and from now on.
    void close() noexcept {
        IntrusiveList<Task> tasks;
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
            tasks = std::move(tasks_);
        }
        while (Task* task = tasks.pop_front()) {
            task->destroy();
        }
    }

  private:
    /// After so many a carrier yields its thread; another one is in the queue then.
    static constexpr std::size_t tasks_per_turn = 64;

    Mutex mutex_;
    IntrusiveList<Task> tasks_;
    bool carrier_waits_ = false;
    bool closed_ = false;
    std::atomic<bool> turn_is_over_{false};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_QUEUE_HPP
