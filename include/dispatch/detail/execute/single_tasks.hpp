// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_SINGLE_TASKS_HPP
#define DISPATCH_DETAIL_EXECUTE_SINGLE_TASKS_HPP

#include <cstddef>
#include <mutex>
#include <type_traits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/execute/task_queue.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Whether an executor sees each task by itself, rather than one function a batch, as the order in which it runs them
/// is what matters: for simulation::Executor.
template <typename Executor>
struct RunsTasksSingly : std::false_type {};

/// Tasks of which each is given to an executor by itself, so that the executor decides on their order: in the place of
/// a RunQueue, which hands over batches. Thread-safe.
class SingleTasks {
  public:
    /// False when it is closed: the task is still the caller's. Otherwise the caller has run(task) called later.
    [[nodiscard]] bool add(Task& task) noexcept {
        const std::lock_guard lock{mutex_};
        if (closed_) {
            return false;
        }
        tasks_.push_back(task);
        return true;
    }

    void run(Task& task) {
        {
            const std::lock_guard lock{mutex_};
            tasks_.remove(task);
        }
        task.run();
    }

    /// See RunQueue. Each task has a time slice of its own, and so has each job: other functions come between two of
    /// them.
    static std::size_t spend(std::size_t tasks) noexcept { return tasks == 0 ? 1 : 0; }
    static void end_time_slice() noexcept {}

    /// Lets go of all tasks, now and from now on. The functions that would run them must not be called any more.
    void close() noexcept {
        IntrusiveList<Task> tasks;
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
            tasks.splice_back(tasks_);
        }
        while (Task* task = tasks.pop_front()) {
            task->destroy();
        }
    }

  private:
    Mutex mutex_;
    bool closed_ = false;
    IntrusiveList<Task> tasks_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_SINGLE_TASKS_HPP
