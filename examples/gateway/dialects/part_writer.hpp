// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_PART_WRITER_HPP
#define GATEWAY_DIALECTS_PART_WRITER_HPP

#include <string>
#include <vector>

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// Writes an answer that comes in parts, in one dialect. Each text is that of the JSON of an event.
class PartWriter {
  public:
    PartWriter() = default;
    PartWriter(const PartWriter&) = delete;
    PartWriter& operator=(const PartWriter&) = delete;
    virtual ~PartWriter() = default;

    /// What says the next part: nothing, if that says nothing.
    [[nodiscard]] virtual std::vector<std::string> write(const Answer& part) = 0;

    /// What follows the last part.
    [[nodiscard]] virtual std::vector<std::string> end() { return {}; }
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_PART_WRITER_HPP
