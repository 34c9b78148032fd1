// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SESSION_REF_HPP
#define DISPATCH_SESSION_REF_HPP

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

/// What names a session: text, or std::nullopt. (nullptr satisfies this, so that refuse_nullptr() can say what to
/// write.)
template <typename T>
concept SessionName =
    std::convertible_to<T, std::optional<std::string_view>> || std::is_null_pointer_v<std::decay_t<T>>;

/// Types that refer to text and do not own it: std::string_view, the views of other libraries, pointers. They are
/// recognised by being trivially copyable and no larger than two pointers.
template <typename T>
inline constexpr bool is_view = std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*);
template <typename T>
inline constexpr bool is_view<std::optional<T>> = is_view<T>;

/// Whether a forwarding reference of type T is bound to a temporary that owns its text, such as a std::string, and that
/// is destroyed at the end of the full expression.
template <typename T>
concept TemporaryText = !std::is_lvalue_reference_v<T> && !is_view<std::remove_cvref_t<T>> &&
                        !std::is_base_of_v<std::optional<std::string_view>, std::remove_cvref_t<T>> &&
                        !std::is_null_pointer_v<std::decay_t<T>>;

/// Rejects nullptr as a session, with a message: before C++23 std::string_view accepts it as text.
template <typename T>
consteval void refuse_nullptr() {
    static_assert(!std::is_null_pointer_v<std::decay_t<T>>,
                  "dispatch: nullptr is not a session: write std::nullopt for a job without one");
}

}  // namespace detail

/// The name of a session, or `std::nullopt`. It refers to the text and does not own it.
///
/// This is a `std::optional<std::string_view>` that cannot be made from a temporary `std::string` or from nullptr:
/// either fails to compile, with a message that says what to write. Any bytes are a name; the empty text is one, too.
class SessionRef : public std::optional<std::string_view> {
    using Base = std::optional<std::string_view>;

  public:
    /// No session.
    constexpr SessionRef() noexcept = default;
    /// No session.
    constexpr SessionRef(std::nullopt_t /*none*/) noexcept {}

    /// Refers to the text of session: a literal, a view, a named `std::string`, or a `std::optional` of one of these.
    /// The text must outlive the SessionRef.
    template <detail::SessionName Session>
        requires(!std::derived_from<std::remove_cvref_t<Session>, SessionRef>)
    constexpr SessionRef(Session&& session) : Base{text(std::forward<Session>(session))} {}

  private:
    template <typename Session>
    static constexpr Base text(Session&& session) {
        detail::refuse_nullptr<Session>();
        static_assert(
            !detail::TemporaryText<Session>,
            "dispatch: SubmitOptions::session does not keep the text, and a temporary std::string is gone "
            "before the job may start: give the string a name first, pass it to submit(session, request), or, if "
            "it is a view of text that stays, write std::string_view{...}");
        if constexpr (std::is_null_pointer_v<std::decay_t<Session>> || detail::TemporaryText<Session>) {
            return std::nullopt;
        } else {
            return std::forward<Session>(session);
        }
    }
};

static_assert(std::is_trivially_destructible_v<SessionRef> && std::is_trivially_copyable_v<SessionRef>);

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_SESSION_REF_HPP
