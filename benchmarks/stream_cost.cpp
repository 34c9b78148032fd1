// SPDX-License-Identifier: Apache-2.0
//
// What a response in parts costs, as dispatch_cost.cpp counts it for a job: as a Stream whose reader awaits each part,
// or takes what is there when it has awaited one; and by hand. As many parts are counted as elsewhere jobs.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "counted_jobs.hpp"
#include "counting_clock.hpp"
#include "streams.hpp"

namespace {

using namespace bench;

template <typename>
constexpr std::string_view kind = DISPATCH_COST_KIND;

template <typename Contender>
int count(std::string_view name) {
    const std::size_t parts = name.ends_with("_1") ? 1 : name.ends_with("_16") ? 16 : 256;
    return measure_new<Contender>(64, jobs / static_cast<std::int64_t>(parts), parts);
}

/// A template, so that the other kinds are not compiled.
template <typename T = void>
int run(std::string_view name) {
    if constexpr (kind<T> == "stream") {
        return count<Streams<Reader::awaits_each>>(name);
    } else if constexpr (kind<T> == "stream_try_next") {
        return count<Streams<Reader::takes_what_is_there>>(name);
    } else {
        static_assert(kind<T> == "baseline_channel", "DISPATCH_COST_KIND names no kind");
        return count<Channels>(name);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_case(argc, argv, [](std::string_view name) { return run(name); });
}
