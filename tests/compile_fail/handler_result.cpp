// expect: dispatch: the handler does not return the pool's response type
#include <string>

#include <dispatch/pool.hpp>

auto spawn(const dispatch::net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, [](int) { return std::string{}; });
}
