// expect: is ambiguous
// SPDX-License-Identifier: Apache-2.0
//
// What does not compile after a using-directive: an unqualified call. (docs/faq.md has what does.)
#include <dispatch/pool.hpp>

namespace program {

using namespace dispatch::net;

void call(const any_io_executor& executor) {
    dispatch(executor, [] {});
}

}  // namespace program
