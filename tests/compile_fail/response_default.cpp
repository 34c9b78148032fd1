// expect: dispatch: the response type must be default-constructible, as an error is delivered beside an empty response:
// write std::optional<Response>
#include <dispatch/pool.hpp>

struct Response {
    explicit Response(int) {}
};

auto spawn(const dispatch::net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, Response>(executor, 1, [](int value) { return Response{value}; });
}
