// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_EXPLORE_HPP
#define DISPATCH_TESTS_MODELS_EXPLORE_HPP

#include <execution.hpp>

namespace model {

/// Goes through all executions of Model in which at most so many times a thread is interrupted that could go
/// on. (What a thread that blocks or ends leaves to the others is tried in full, as is what a load may see.)
template <typename Model>
bool explore_one(unsigned preemptions) {
    std::ostringstream progress;  // not worth reading
    rl::test_params params;
    params.search_type = rl::sched_bound;
    params.context_bound = preemptions;
    params.progress_stream = &progress;
    const bool holds = rl::simulate<Model>(params);
    if (holds) {
        std::cout << params.stop_iteration << " executions with up to " << preemptions << " preemptions\n\n";
    }
    return holds;
}

/// The same for each of Models, until one does not hold. The program's argument overrides how many times.
/// What main() returns.
template <typename... Models>
int explore(int argc, char** argv, const char* default_preemptions) {
    const auto preemptions = static_cast<unsigned>(std::stoul(argc > 1 ? argv[1] : default_preemptions));
    return (explore_one<Models>(preemptions) && ...) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_EXPLORE_HPP
