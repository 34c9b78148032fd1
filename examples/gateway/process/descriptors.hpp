// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_PROCESS_DESCRIPTORS_HPP
#define GATEWAY_PROCESS_DESCRIPTORS_HPP

#include <cstddef>

namespace gateway {

/// Raises the number of files and sockets that the process may have open to the most that it may ask for; what it is
/// then.
[[nodiscard]] std::size_t raise_descriptor_limit();

/// Who may have how many of the process's descriptors. Where clients took them all, a job could neither be stored nor
/// sent to the upstream.
struct DescriptorPlan {
    /// For the store, the log, what looks up names, and the like.
    static constexpr std::size_t reserve = 64;

    std::size_t clients = 0;
    std::size_t upstream = 0;
};

/// What is wanted, if there is enough within limit. Else the upstream gets what it wants, but at most half, and clients
/// the rest: neither less than 1.
[[nodiscard]] DescriptorPlan plan_descriptors(std::size_t limit, const DescriptorPlan& wanted);

}  // namespace gateway

#endif  // GATEWAY_PROCESS_DESCRIPTORS_HPP
