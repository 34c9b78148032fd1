// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_PART_WRITER_HPP
#define GATEWAY_DIALECTS_GEMINI_PART_WRITER_HPP

#include <string>
#include <vector>

#include <gateway/dialects/part_writer.hpp>

namespace gateway {

/// Writes the responses of streamGenerateContent, each of which is a generateContent response.
class GeminiPartWriter final : public PartWriter {
  public:
    [[nodiscard]] std::vector<std::string> write(const Answer& part) override;

  private:
    std::string model_;
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_PART_WRITER_HPP
