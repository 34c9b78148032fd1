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

/// How a session is named: text, or nothing.
template <typename T>
concept SessionName =
    std::convertible_to<T, std::optional<std::string_view>> || std::is_null_pointer_v<std::decay_t<T>>;

/// Text that somebody else has: std::string_view, another library's (Boost's, Beast's), a pointer. Such types are
/// copied like two words.
template <typename T>
inline constexpr bool is_view = std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*);
template <typename T>
inline constexpr bool is_view<std::optional<T>> = is_view<T>;

/// Of a forwarding reference's T: a temporary that has the text itself, a std::string for instance, and is gone at the
/// end of the full expression.
template <typename T>
concept TemporaryText = !std::is_lvalue_reference_v<T> && !is_view<std::remove_cvref_t<T>> &&
                        !std::is_base_of_v<std::optional<std::string_view>, std::remove_cvref_t<T>> &&
                        !std::is_null_pointer_v<std::decay_t<T>>;

/// For where a session is named: nullptr is taken for text by the standard library before C++23.
template <typename T>
consteval void refuse_nullptr() {
    static_assert(!std::is_null_pointer_v<std::decay_t<T>>,
                  "dispatch: nullptr is not a session: write std::nullopt for a job without one");
}

}  // namespace detail

/// The name of a session, or std::nullopt: a std::optional<std::string_view> that cannot be made from a temporary
/// std::string, nor from nullptr. It does not keep the text.
class SessionRef : public std::optional<std::string_view> {
    using Base = std::optional<std::string_view>;

  public:
    /// None.
    constexpr SessionRef() noexcept = default;
    /// None.
    constexpr SessionRef(std::nullopt_t /*none*/) noexcept {}

    /// Text that outlives this: a literal, a view, a std::string that has a name, or an optional one of these.
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
