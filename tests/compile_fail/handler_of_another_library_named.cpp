// expect: dispatch: the handler returns another library's coroutine
// SPDX-License-Identifier: Apache-2.0
#include <coroutine>

#include <dispatch/pool.hpp>

namespace net = dispatch::net;

struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_value(int) {}
        void unhandled_exception() {}
    };
};

auto workers(const net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, [](int value) -> Task { co_return value; });
}
