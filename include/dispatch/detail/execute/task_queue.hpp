// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_TASK_QUEUE_HPP
#define DISPATCH_DETAIL_EXECUTE_TASK_QUEUE_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>

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

/// Tasks that wait in one place, first in, first out. Thread-safe; but tasks must not be moved from one queue to
/// another and back at the same time.
class alignas(cache_line) TaskQueue {
  public:
    /// False when it is closed.
    bool push(Task& task) noexcept {
        const MutexLock lock{mutex_};
        if (closed_) [[unlikely]] {
            return false;
        }
        tasks_.push_back(task);
        set_count(count() + 1);
        return true;
    }

    /// Null when there is none.
    Task* pop() noexcept {
        const MutexLock lock{mutex_};
        Task* const task = tasks_.pop_front();
        if (task != nullptr) {
            set_count(count() - 1);
        }
        return task;
    }

    /// How many there are, at some moment; exact to who moves all tasks to and from it.
    std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

    bool empty() noexcept {
        const std::lock_guard lock{mutex_};
        return tasks_.empty();
    }

    bool closed() noexcept {
        const std::lock_guard lock{mutex_};
        return closed_;
    }

    /// Refuses tasks from now on; those that are here are added to rest.
    void close(IntrusiveList<Task>& rest) noexcept {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        rest.splice_back(tasks_);
        set_count(0);
    }

    /// Moves all tasks to the end of another queue.
    void splice_into(TaskQueue& to) noexcept {
        const std::lock_guard lock{mutex_};
        const std::lock_guard lock_to{to.mutex_};
        to.tasks_.splice_back(tasks_);
        to.set_count(to.count() + count());
        set_count(0);
    }

    /// Moves the first half of the tasks to the end of another queue, but not more than limit.
    void steal_into(TaskQueue& to, std::size_t limit) noexcept {
        const std::lock_guard lock{mutex_};
        const std::lock_guard lock_to{to.mutex_};
        const std::size_t given = std::min((count() + 1) / 2, limit);
        for (std::size_t n = 0; n != given; ++n) {
            to.tasks_.push_back(*tasks_.pop_front());
        }
        to.set_count(to.count() + given);
        set_count(count() - given);
    }

  private:
    /// Under the lock.
    void set_count(std::size_t count) noexcept { count_.store(count, std::memory_order_relaxed); }

    Mutex mutex_;
    bool closed_ = false;
    std::atomic<std::size_t> count_{0};
    IntrusiveList<Task> tasks_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_TASK_QUEUE_HPP
