// SPDX-License-Identifier: Apache-2.0
//
// Random programs on a pool of streams in virtual time, each step of which is compared with a model of what is
// promised. See ../simulation.hpp for the options.
#include "../simulation.hpp"
#include "family.hpp"

int main(int argc, char** argv) { return sim::Simulation<sim::streams::Family<>>::main(argc, argv); }
