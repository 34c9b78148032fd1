// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_BATCHER_HPP
#define DISPATCH_DETAIL_EXECUTE_BATCHER_HPP

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/asio/virtual_time_mark.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/recycler.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/execute/run_queue.hpp>
#include <dispatch/detail/execute/single_tasks.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Runs tasks on an executor, later and in any thread of it, a batch to each function that the executor
/// gets. The workers that are spawned together share one: their strands run by it, and their replies leave by it.
/// Thread-safe.
template <typename Executor>
class Batcher final : public ContextListener, public std::enable_shared_from_this<Batcher<Executor>> {
  public:
    explicit Batcher(const Executor& executor) : executors_{Executors{executor}} {
        if (!RunsTasksSingly<Executor>::value && VirtualTimeMark::find(context()) != nullptr) {
            throw std::invalid_argument{
                "spawn_workers: the executor is one of a simulation::Context, but its type is another one, with which "
                "times would be real: write spawn_workers<R, S, simulation::Executor>(context.get_executor(), ...)"};
        }
    }

    /// Only while its context lives.
    net::execution_context& context() const noexcept { return net::query(executors_->any, net::execution::context); }

    /// What it was made for. Null once the context is gone.
    const Executor* executor() const noexcept { return executors_ ? &executors_->any : nullptr; }

    /// Has task run.
    void post(Task& task) noexcept {
        if constexpr (RunsTasksSingly<Executor>::value) {
            if (!queue_.add(task)) {
                return task.destroy();
            }
            post_function([self = this->shared_from_this(), &task] { self->queue_.run(task); });
        } else {
            switch (queue_.push(task)) {
                case Queue::Push::queued:
                    return;
                case Queue::Push::first:
                    return post_invoker();
                case Queue::Push::closed:
                    return task.destroy();
            }
        }
    }

    /// The same for a function. It must not fail: a strand that was not run when it asked for it never is.
    template <typename Function>
    void execute(Function&& function) noexcept {
        post(*retry_on_bad_alloc(
            [&] { return FunctionTask<std::decay_t<Function>>::make(std::forward<Function>(function)); }));
    }

    /// For a task that consists of tasks, and has done so many: how many more it may do before the next call. 0: its
    /// time slice is over.
    std::size_t spend(std::size_t tasks) noexcept { return queue_.spend(tasks); }

    /// For a task that has kept its thread for long: others of the executor come first.
    void end_time_slice() noexcept { queue_.end_time_slice(); }

    void context_shutdown() noexcept override {
        queue_.close();
        executors_.reset();
    }

  private:
    using Queue = std::conditional_t<RunsTasksSingly<Executor>::value, SingleTasks,
                                     RunQueue<typename TimeSource<Executor>::Clock>>;

    static auto poster(const Executor& executor) {
        return net::prefer(net::require(executor, net::execution::blocking.never), net::execution::relationship.fork);
    }

    struct Executors {
        explicit Executors(const Executor& executor) : any{executor}, posting{poster(executor)} {}

        Executor any;
        /// Runs invokers later; and not in this very thread after what it is doing now (relationship), as an
        /// invoker is sent for the case that this takes long.
        std::decay_t<decltype(poster(std::declval<const Executor&>()))> posting;
    };

    template <typename Function>
    class FunctionTask final : public Task {
      public:
        template <typename F>
        static FunctionTask* make(F&& function) {
            static_assert(alignof(FunctionTask) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
            void* const place = Recycler::allocate(sizeof(FunctionTask));
            try {
                return ::new (place) FunctionTask{std::forward<F>(function)};
            } catch (...) {
                Recycler::deallocate(place, sizeof(FunctionTask));
                throw;
            }
        }

        void run() override {
            const std::unique_ptr<FunctionTask, Destroy> self{this};
            std::move(function_)();
        }

        void destroy() noexcept override {
            this->~FunctionTask();
            Recycler::deallocate(this, sizeof(FunctionTask));
        }

      private:
        struct Destroy {
            void operator()(FunctionTask* task) const noexcept { task->destroy(); }
        };

        template <typename F>
        explicit FunctionTask(F&& function) : function_{std::forward<F>(function)} {}
        ~FunctionTask() = default;

        Function function_;
    };

    [[gnu::noinline]] void post_invoker() noexcept {
        post_function([self = this->shared_from_this()] { self->queue_.run_tasks([&] { self->post_invoker(); }); });
    }

    template <typename Function>
    void post_function(const Function& function) noexcept {
        retry_on_bad_alloc([&] {
            const ExecuteScope scope;
            execute_on(executors_->posting, [function] {
                DISPATCH_ASSERT(!ExecuteScope::in_progress,
                                "an executor ran a function within execute(), although asked never to block: it must "
                                "run it later, or in another thread, as a lock may be held");
                function();
            });
        });
    }

    /// This thread gives a function to an executor.
    struct ExecuteScope {
        ExecuteScope() noexcept { in_progress = true; }
        ExecuteScope(const ExecuteScope&) = delete;
        ExecuteScope& operator=(const ExecuteScope&) = delete;
        ~ExecuteScope() { in_progress = false; }

        static inline constinit thread_local bool in_progress = false;
    };

    /// Until the context is gone: an executor may be a strand.
    std::optional<Executors> executors_;
    Queue queue_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_BATCHER_HPP
