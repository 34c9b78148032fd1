// SPDX-License-Identifier: Apache-2.0
//
// detail/execute/run_queue.hpp and detail/execute/task_queue.hpp, on detail/base/mutex.hpp: a thread pushes tasks from
// outside, two run invokers. Every task is run once; as long as there are tasks an invoker waits, and never two. An
// invoker's turn is over after two tasks here.

#include <explore.hpp>
#include <model_std.hpp>
#include <wake_ups.hpp>

#include <dispatch/detail/execute/run_queue.hpp>

namespace {

using RunQueue = dispatch::detail::RunQueue<>;

struct Executor {
    RunQueue queue;
    model::WakeUps invokers;
    // What the model itself keeps track of: no thread is interrupted between two of these.
    int waiting = 0;
    int to_run = 0;

    void post() {
        model::check(++waiting == 1, "two invokers wait");
        invokers.post();
    }

    void push(dispatch::detail::Task& task) {
        if (queue.push(task) == RunQueue::Push::first) {
            post();
        }
    }

    void run() {
        while (invokers.take()) {
            --waiting;
            queue.run_tasks([this] { post(); });
        }
    }
};

struct Task : dispatch::detail::Task {
    Executor* executor = nullptr;
    /// Pushed when this one runs.
    Task* pushes = nullptr;
    /// This one keeps its invoker busy until that one has run.
    Task* waits_for = nullptr;
    model::Plain<int> runs{0};
    model::WakeUps has_run;

    void run() override {
        model::check(runs == 0, "a task is run twice");
        runs = 1;
        has_run.post();
        if (pushes != nullptr) {
            executor->push(*pushes);
        }
        if (waits_for != nullptr) {
            waits_for->has_run.take();
        }
        if (--executor->to_run == 0) {
            executor->invokers.stop();
        }
    }

    void destroy() noexcept override { model::check(false, "a task is dropped"); }
};

/// Pushes the first `outside` of its tasks from outside; setting up says what they do.
template <typename Model, unsigned count, unsigned outside>
struct RunQueueModel : model::Execution, rl::test_suite<Model, 3> {
    Executor executor;
    std::array<Task, count> tasks;

    RunQueueModel() {
        executor.to_run = count;
        for (Task& task : tasks) {
            task.executor = &executor;
        }
    }

    void thread(unsigned index) {
        if (index != 0) {
            return executor.run();
        }
        for (unsigned n = 0; n != outside; ++n) {
            executor.push(tasks[n]);
        }
    }
};

struct TaskPushesTask : RunQueueModel<TaskPushesTask, 3, 2> {
    void before() { tasks[0].pushes = &tasks[2]; }
};

struct TaskWaitsForItsOwn : RunQueueModel<TaskWaitsForItsOwn, 2, 1> {
    void before() { tasks[0].pushes = tasks[0].waits_for = &tasks[1]; }
};

struct TaskWaitsForTheNext : RunQueueModel<TaskWaitsForTheNext, 2, 2> {
    void before() { tasks[0].waits_for = &tasks[1]; }
};

/// More than one invoker does in its turn.
struct LongTurn : RunQueueModel<LongTurn, 3, 3> {};

}  // namespace

int main(int argc, char** argv) {
    return model::explore<TaskWaitsForItsOwn, TaskWaitsForTheNext, LongTurn, TaskPushesTask>(argc, argv, "2");
}
