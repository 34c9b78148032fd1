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
constexpr std::string_view name = DISPATCH_COST_CASE;

template <typename Contender>
int count() {
    return measure_new<Contender>(64, jobs / static_cast<std::int64_t>(Contender::parts));
}

/// A template, so that the other cases are not compiled.
template <typename T = void>
int run() {
    if constexpr (name<T> == "stream_1") {
        return count<Streams<1, Reader::awaits_each>>();
    } else if constexpr (name<T> == "stream_16") {
        return count<Streams<16, Reader::awaits_each>>();
    } else if constexpr (name<T> == "stream_256") {
        return count<Streams<256, Reader::awaits_each>>();
    } else if constexpr (name<T> == "stream_256_try_next") {
        return count<Streams<256, Reader::takes_what_is_there>>();
    } else if constexpr (name<T> == "baseline_channel_1") {
        return count<Channels<1>>();
    } else if constexpr (name<T> == "baseline_channel_16") {
        return count<Channels<16>>();
    } else {
        static_assert(name<T> == "baseline_channel_256", "DISPATCH_COST_CASE names no case");
        return count<Channels<256>>();
    }
}

}  // namespace

int main() {
    return bench::told([] { return run(); });
}
