// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_SHARED_TEXT_HPP
#define GATEWAY_BASE_SHARED_TEXT_HPP

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace gateway {

/// A text that nobody changes any more, and that many hold: copying it counts, and copies no byte. Requests and answers
/// are megabytes at times, and are with the store, with the model and with who waits at once; each copy of their bytes
/// would be made on a thread that serves connections.
///
/// Different copies may be used by different threads.
class SharedText {
  public:
    SharedText() = default;

    /// Takes the text over. (Implicit: a text becomes a shared one where it is handed over.)
    SharedText(std::string text)  // NOLINT(google-explicit-constructor)
        : text_{text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))} {}
    SharedText(const char* text) : SharedText{std::string{text}} {}  // NOLINT(google-explicit-constructor)

    /// Valid as long as a copy of this is there.
    [[nodiscard]] std::string_view view() const { return text_ ? std::string_view{*text_} : std::string_view{}; }
    operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)

    [[nodiscard]] std::size_t size() const { return text_ ? text_->size() : 0; }
    [[nodiscard]] bool empty() const { return size() == 0; }

    friend bool operator==(const SharedText& a, const SharedText& b) { return a.view() == b.view(); }
    friend bool operator==(const SharedText& a, std::string_view b) { return a.view() == b; }
    friend bool operator==(const SharedText& a, const std::string& b) { return a.view() == b; }
    friend bool operator==(const SharedText& a, const char* b) { return a.view() == b; }
    friend std::ostream& operator<<(std::ostream& stream, const SharedText& text) { return stream << text.view(); }

  private:
    std::shared_ptr<const std::string> text_;  // null: empty
};

}  // namespace gateway

#endif  // GATEWAY_BASE_SHARED_TEXT_HPP
