// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/resolve.hpp>

#include <memory>
#include <utility>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace gateway {
namespace {

/// A look-up and who waits for it; they share it, as the one that waits may leave.
struct LookUp {
    explicit LookUp(const net::any_io_executor& executor) : resolver{executor}, done{executor} {
        done.expires_at(Clock::time_point::max());
    }

    tcp::resolver resolver;
    net::steady_timer done;  ///< cancelled when the results are there
    bool ended = false;
    error_code error;
    std::vector<tcp::endpoint> endpoints;
};

void start(const std::shared_ptr<LookUp>& look_up, const net::any_io_executor& executor, const std::string& host,
           std::uint16_t port) {
    auto on_results = [look_up](error_code error, const tcp::resolver::results_type& results) {
        look_up->ended = true;
        look_up->error = error;
        for (const auto& result : results) {
            look_up->endpoints.push_back(result.endpoint());
        }
        look_up->done.cancel();
    };
    look_up->resolver.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                                    net::bind_executor(executor, std::move(on_results)));
}

}  // namespace

net::awaitable<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port) {
    error_code error;
    const net::ip::address address = net::ip::make_address(host, error);
    if (!error) {
        co_return std::vector<tcp::endpoint>{tcp::endpoint{address, port}};
    }
    const net::any_io_executor executor = co_await net::this_coro::executor;
    const auto look_up = std::make_shared<LookUp>(executor);
    start(look_up, executor, host, port);
    co_await look_up->done.async_wait(net::redirect_error(net::use_awaitable, error));
    if (!look_up->ended) {
        look_up->resolver.cancel();
        throw boost::system::system_error{net::error::operation_aborted};
    }
    if (!look_up->error && look_up->endpoints.empty()) {
        look_up->error = net::error::host_not_found;
    }
    if (look_up->error) {
        throw boost::system::system_error{look_up->error};
    }
    co_return std::move(look_up->endpoints);
}

}  // namespace gateway
