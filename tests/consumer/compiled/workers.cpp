// SPDX-License-Identifier: Apache-2.0
#include "workers.hpp"

#include <utility>

namespace {

namespace net = dispatch::net;

net::awaitable<std::size_t> length(std::string text) { co_return text.size(); }

}  // namespace

std::vector<Pool::Handle> spawn(net::any_io_executor executor) {
    return dispatch::spawn_workers<std::string, std::size_t>(std::move(executor), 2, length);
}
