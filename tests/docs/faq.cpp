// SPDX-License-Identifier: Apache-2.0
//
// What docs/faq.md states and its own programs do not show.
#include <exception>
#include <optional>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"

namespace faq {

#if defined(DISPATCH_USE_BOOST_ASIO)
namespace asio = boost::asio;
#endif

namespace with_all_of_asio {

using namespace asio;

int calls_by_qualified_names() {
    io_context context;
    dispatch::WorkerPool<int, int> pool{dispatch::spawn_workers(context.get_executor(), 1, [](int n) { return n; })};
    int calls = 0;
    asio::dispatch(context, [&] { ++calls; });
    pool.submit(std::nullopt, 1, [&](std::exception_ptr, int) { ++calls; });
    context.run();
    return calls;
}

}  // namespace with_all_of_asio

// That an unqualified call does not compile is tests/compile_fail/using_namespace_asio.cpp.
TEST(Faq, QualifiedNamesCompileAfterUsingNamespaceAsio) { EXPECT_EQ(with_all_of_asio::calls_by_qualified_names(), 2); }

}  // namespace faq
