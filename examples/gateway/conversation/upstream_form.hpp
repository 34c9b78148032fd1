// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_UPSTREAM_FORM_HPP
#define GATEWAY_CONVERSATION_UPSTREAM_FORM_HPP

#include <span>
#include <string>
#include <string_view>

#include <gateway/base/json.hpp>

namespace gateway {

/// An upstream that cannot be given all that a request may hold, and how it refuses the rest: by name, not by dropping
/// it, as an answer that does not do what was asked would look as if it did.
class UpstreamForm {
  public:
    static constexpr std::string_view leave_it_out = "leave it out";

    /// who: "this upstream, which ..."; lives as long as this.
    explicit constexpr UpstreamForm(std::string_view who) : who_{who} {}

    /// Throws Unsupported: "<who> cannot be given <what>: <instead>".
    [[noreturn]] void refuse(const std::string& what, std::string_view instead = leave_it_out) const;

    /// Refuses members of object, which is at where, other than these (in either spelling), unless they are null or an
    /// empty array, which is as if they were not there. An empty object may switch something on: {"googleSearch": {}}.
    void only(const Json& object, std::span<const std::string_view> names, const std::string& where,
              std::string_view instead = leave_it_out) const;

  private:
    std::string_view who_;
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_UPSTREAM_FORM_HPP
