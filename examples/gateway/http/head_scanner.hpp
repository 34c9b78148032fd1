// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_HEAD_SCANNER_HPP
#define GATEWAY_HTTP_HEAD_SCANNER_HPP

#include <cstddef>
#include <optional>
#include <string_view>

#include <gateway/http/refusal.hpp>

namespace gateway {

/// Finds where the head of a request (request line, fields, empty line) ends, and refuses what shows in its bytes only.
///
/// Beast's parser joins folded fields, has one error for every version that it does not speak, and forgets what it has
/// parsed when it counts towards its limit, so that a head which arrives field by field may be of any size. It is
/// therefore given a head that is complete and has passed here. A head may arrive in pieces of any size: each byte is
/// looked at once.
class HeadScanner {
  public:
    /// limit: the most bytes that a head may have.
    explicit HeadScanner(std::size_t limit) : limit_{limit} {}

    /// received: the bytes of the last call, and those that have arrived since. Returns what is wrong with them, as
    /// soon as it shows. Not to be called again after that, nor when the head is complete.
    [[nodiscard]] std::optional<Refusal> scan(std::string_view received);

    [[nodiscard]] bool complete() const { return end_ != 0; }

    /// The bytes of received up to the head's end. Of a complete head, as are those below.
    [[nodiscard]] std::size_t size() const { return end_; }

    /// The head in received, without the empty line that may come before it.
    [[nodiscard]] std::string_view head(std::string_view received) const {
        return received.substr(begin_, end_ - begin_);
    }

  private:
    std::optional<Refusal> end_line(std::string_view line);

    std::size_t limit_;
    std::size_t scanned_ = 0;
    std::size_t line_ = 0;   // where the present line begins
    std::size_t begin_ = 0;  // where the request line does
    std::size_t end_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_HEAD_SCANNER_HPP
