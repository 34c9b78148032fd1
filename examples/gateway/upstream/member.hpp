// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_MEMBER_HPP
#define GATEWAY_UPSTREAM_MEMBER_HPP

#include "../json.hpp"

namespace gateway {

/// The member of object by name or, as generateContent takes both spellings, by snake_name. Null: it has none, or null
/// stands there, which means the same (Protocol Buffers' JSON), or object is no object.
inline const Json* find_member(const Json& object, const char* name, const char* snake_name = nullptr) {
    if (!object.is_object()) {
        return nullptr;
    }
    auto member = object.find(name);
    if (member == object.end() && snake_name != nullptr) {
        member = object.find(snake_name);
    }
    return member == object.end() || member->is_null() ? nullptr : &*member;
}

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_MEMBER_HPP
