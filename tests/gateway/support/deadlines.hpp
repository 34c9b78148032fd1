// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_DEADLINES_HPP
#define GATEWAY_TESTS_SUPPORT_DEADLINES_HPP

#include <chrono>

#include <gateway/base/net.hpp>

namespace test {

inline gateway::Clock::time_point in(std::chrono::milliseconds time) { return gateway::Clock::now() + time; }

/// Long enough for any machine; a test that takes so long has failed.
inline gateway::Clock::time_point patiently() { return in(std::chrono::seconds{60}); }

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_DEADLINES_HPP
