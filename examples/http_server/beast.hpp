// SPDX-License-Identifier: Apache-2.0
// The names that every part of the example shares.
#ifndef EXAMPLES_HTTP_SERVER_BEAST_HPP
#define EXAMPLES_HTTP_SERVER_BEAST_HPP

#ifndef DISPATCH_USE_BOOST_ASIO
#error "This example serves HTTP with Boost.Beast: compile it with -DDISPATCH_USE_BOOST_ASIO"
#endif

#include <exception>
#include <string>
#include <string_view>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <dispatch/pool.hpp>

namespace example {

namespace net = dispatch::net;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

/// Beast's string view as the standard's, whichever type this Boost uses.
inline std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// What went wrong, without the place in Boost's sources that its what() may add.
inline std::string reason(const std::exception& error) {
    const auto* const system = dynamic_cast<const boost::system::system_error*>(&error);
    return system != nullptr ? system->code().message() : error.what();
}

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_BEAST_HPP
