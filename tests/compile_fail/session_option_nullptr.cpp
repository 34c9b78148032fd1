// expect: dispatch: nullptr is not a session: write std::nullopt
// SPDX-License-Identifier: Apache-2.0
#include <dispatch/pool.hpp>

namespace net = dispatch::net;

dispatch::SubmitOptions options() { return {.session = nullptr}; }
