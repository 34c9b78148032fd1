// SPDX-License-Identifier: Apache-2.0
// The names that every part of the gateway shares.
#ifndef GATEWAY_BASE_NET_HPP
#define GATEWAY_BASE_NET_HPP

#ifndef DISPATCH_USE_BOOST_ASIO
#error "The gateway serves HTTP with Boost.Beast: compile it with -DDISPATCH_USE_BOOST_ASIO"
#endif

#include <chrono>
#include <exception>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace gateway {

namespace net = boost::asio;
using tcp = net::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// What went wrong, without the place in Boost's sources that its what() may add.
inline std::string reason(const std::exception& error) {
    const auto* const system = dynamic_cast<const boost::system::system_error*>(&error);
    return system != nullptr ? system->code().message() : error.what();
}

}  // namespace gateway

#endif  // GATEWAY_BASE_NET_HPP
