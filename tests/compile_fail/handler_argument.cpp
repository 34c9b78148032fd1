// expect: dispatch: the handler cannot be called with a request. Write S(R) or awaitable<S>(R)
#include <string>

#include <dispatch/pool.hpp>

auto spawn(const dispatch::net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1, [](const std::string& text) { return text.size(); });
}
