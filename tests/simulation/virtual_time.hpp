// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_VIRTUAL_TIME_HPP
#define DISPATCH_TESTS_SIMULATION_VIRTUAL_TIME_HPP

#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"

namespace sim {

namespace net = dispatch::net;

using dispatch::detail::net_error;
using dispatch::simulation::Clock;
using dispatch::simulation::Context;
using dispatch::simulation::Executor;
using dispatch::simulation::Timer;
using Time = Clock::time_point;

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_VIRTUAL_TIME_HPP
