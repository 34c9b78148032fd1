// expect: dispatch: the response type must be default-constructible, and that must not throw
#include <dispatch/pool.hpp>

struct Response {
    explicit Response(int) {}
};

auto spawn(const dispatch::net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, Response>(executor, 1, [](int value) { return Response{value}; });
}
