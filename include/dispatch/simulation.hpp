// SPDX-License-Identifier: Apache-2.0
//
// Virtual time. A simulation::Context is an execution context whose time jumps to when there is something to do next:
// handlers, selection policies and whole pools run on it as in production, a day takes milliseconds, and the same seed
// repeats what happened exactly. See docs/simulation.md.
#ifndef DISPATCH_SIMULATION_HPP
#define DISPATCH_SIMULATION_HPP

#include <dispatch/simulation/context.hpp>
#include <dispatch/simulation/executor.hpp>
#include <dispatch/simulation/explore.hpp>
#include <dispatch/simulation/timer.hpp>

#endif  // DISPATCH_SIMULATION_HPP
