// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_PART_ENDS_HPP
#define GATEWAY_DIALECTS_PART_ENDS_HPP

#include <cstdint>
#include <vector>

namespace gateway {

/// What a part of an answer says of the ends of its candidates, by their index.
struct PartEnds {
    std::vector<std::uint64_t> going_on;
    std::vector<std::uint64_t> ended;
    bool blocked = false;  ///< there are none, and will be none
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_PART_ENDS_HPP
