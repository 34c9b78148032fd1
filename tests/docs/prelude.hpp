// SPDX-License-Identifier: Apache-2.0
//
// What the code in the documentation may use without saying so: standard headers, and names for the parts
// of a program that a fragment is not about.
#ifndef DISPATCH_TESTS_DOCS_PRELUDE_HPP
#define DISPATCH_TESTS_DOCS_PRELUDE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#if defined(DISPATCH_USE_BOOST_ASIO)
namespace asio = boost::asio;  // NOLINT(misc-unused-alias-decls)
#endif

/// What a fragment finds, unless its section has names of its own.
namespace docs_defaults {

using Request = std::string;
using Response = std::string;
using Pool = dispatch::WorkerPool<Request, Response>;

inline asio::awaitable<Response> handle(Request request) { co_return request; }

}  // namespace docs_defaults

using namespace docs_defaults;
using namespace std::chrono_literals;

#endif  // DISPATCH_TESTS_DOCS_PRELUDE_HPP
