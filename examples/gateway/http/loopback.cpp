// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/loopback.hpp>

#include <string>

#include <boost/asio/ip/address.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

bool is_loopback(std::string_view host) {
    if (host == "localhost") {
        return true;
    }
    error_code error;
    const auto address = net::ip::make_address(std::string{host}, error);
    return !error && address.is_loopback();
}

}  // namespace gateway
