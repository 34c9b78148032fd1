// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_COUNTERS_HPP
#define GATEWAY_HTTP_COUNTERS_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gateway {

/// Counted by an HttpServer since its start.
struct HttpServerCounters {
    std::uint64_t accepted = 0;   ///< connections
    std::uint64_t requests = 0;   ///< that arrived in full, or were refused for what their head says
    std::uint64_t malformed = 0;  ///< that were refused as they were no proper HTTP
    std::uint64_t too_large = 0;  ///< that were refused as their head or body was over the limit
    std::uint64_t timed_out = 0;  ///< connections that took too long to send a request or take a response
    std::uint64_t evicted = 0;    ///< connections that were told to make room for others
    std::uint64_t failed = 0;     ///< requests whose handler threw
    std::size_t connections = 0;  ///< open at present
};

/// What they are counted with.
struct AtomicHttpServerCounters {
    std::atomic<std::uint64_t> accepted{0}, requests{0}, malformed{0}, too_large{0}, timed_out{0}, evicted{0},
        failed{0};
    std::atomic<std::size_t> connections{0};

    [[nodiscard]] HttpServerCounters snapshot() const {
        return {accepted, requests, malformed, too_large, timed_out, evicted, failed, connections};
    }
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_COUNTERS_HPP
