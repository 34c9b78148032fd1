// SPDX-License-Identifier: Apache-2.0
//
// What the baselines cost, as dispatch_cost.cpp counts it for a pool.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baselines.hpp"
#include "counted_jobs.hpp"
#include "handlers.hpp"

namespace {

using namespace bench;

template <typename>
constexpr std::string_view kind = DISPATCH_COST_KIND;

/// A template, so that the other kinds are not compiled.
template <typename T = void>
int run() {
    if constexpr (kind<T> == "baseline_post") {
        return measure_new<Post>(64, jobs);
    } else if constexpr (kind<T> == "baseline_co_spawn") {
        return measure_new<CoSpawn<Echo<>>>(64, jobs, Echo<>{});
    } else {
        static_assert(kind<T> == "baseline_direct_port", "DISPATCH_COST_KIND names no kind");
        return measure_new<DirectPort<Echo<>>>(64, jobs, std::size_t{4}, Echo<>{});
    }
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_case(argc, argv, [](std::string_view /*name*/) { return run(); });
}
