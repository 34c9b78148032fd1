// expect: dispatch: the handler must be copyable, as each worker has a copy
#include <memory>

#include <dispatch/pool.hpp>

auto spawn(const dispatch::net::any_io_executor& executor) {
    return dispatch::spawn_workers<int, int>(executor, 1,
                                             [own = std::make_unique<int>(1)](int value) { return value + *own; });
}
