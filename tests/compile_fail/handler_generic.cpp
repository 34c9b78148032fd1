// expect: write spawn_workers<Request, Response>(executor, n, handler)
#include <dispatch/worker.hpp>

auto f(dispatch::net::any_io_executor executor) {
    return dispatch::spawn_workers(executor, 1, [](auto request) { return request; });
}
