// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_COUNTERS_HPP
#define GATEWAY_UPSTREAM_COUNTERS_HPP

#include <cstdint>

namespace gateway {

/// What a model has done since the start.
struct UpstreamCounters {
    std::uint64_t requests = 0;        ///< generations asked for
    std::uint64_t attempts = 0;        ///< requests sent
    std::uint64_t retries = 0;         ///< after faults
    std::uint64_t retries_denied = 0;  ///< by the budget
    std::uint64_t limited = 0;         ///< attempts that the upstream refused as too many (429)
    std::uint64_t failures = 0;        ///< generations that ended with an error, and were not cancelled
    /// At present.
    std::uint64_t limit = 0;    ///< requests that may be under way
    std::uint64_t waiting = 0;  ///< that wait for their turn
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_COUNTERS_HPP
