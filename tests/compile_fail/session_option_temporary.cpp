// expect: dispatch: SubmitOptions::session does not keep the text
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <dispatch/pool.hpp>

namespace net = dispatch::net;

dispatch::SubmitOptions options(const std::string& id) { return {.session = "session-" + id}; }
