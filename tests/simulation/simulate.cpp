// SPDX-License-Identifier: Apache-2.0
//
// Random programs on a pool in virtual time, each step of which is compared with a model of what is
// promised. See simulation.hpp for the options.
#include "family.hpp"
#include "simulation.hpp"

int main(int argc, char** argv) { return sim::Simulation<sim::Family<>>::main(argc, argv); }
