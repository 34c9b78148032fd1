// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_DELIVERY_HPP
#define GATEWAY_CONVERSATION_DELIVERY_HPP

#include <cstdint>

namespace gateway {

/// How an answer is wanted.
enum class Delivery : std::uint8_t {
    whole,     ///< when it is complete
    in_parts,  ///< as it comes
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_DELIVERY_HPP
