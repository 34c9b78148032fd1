// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SESSION_LINE_HPP
#define DISPATCH_DETAIL_SESSIONS_SESSION_LINE_HPP

#include <array>
#include <cstdint>
#include <limits>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What a lookup reads and changes of a session.
struct SessionPin {
    /// Nanoseconds on the clock of the map.
    std::int64_t expiry;
    std::uint32_t worker;
    /// Of its SessionRecord.
    std::uint32_t number;
};

/// Some sessions, each known by a tag, which is a part of its hash: one cache line of a bucket.
class alignas(cache_line) SessionLine {
  public:
    static constexpr std::uint32_t places = 3;
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    /// As next(): the bucket's next line is the one behind this.
    static constexpr std::uint32_t beside = none - 1;

    /// An empty one.
    explicit SessionLine(std::uint32_t next) noexcept : next_{next} {
        for (SessionPin& pin : pins_) {
            pin.number = none;
        }
    }

    /// The number of the bucket's next line, or beside, or none.
    std::uint32_t next() const noexcept { return next_; }
    void set_next(std::uint32_t next) noexcept { next_ = next; }

    /// The session with this tag, or null.
    SessionPin* find(std::uint32_t tag) noexcept {
        for (std::uint32_t place = 0; place != places; ++place) {
            if (tags_[place] == tag && used(place)) [[likely]] {
                return &pins_[place];
            }
        }
        return nullptr;
    }

    /// The place of the session with this number, or none. With none, an empty place.
    std::uint32_t place_of(std::uint32_t number) const noexcept {
        for (std::uint32_t place = 0; place != places; ++place) {
            if (pins_[place].number == number) {
                return place;
            }
        }
        return none;
    }

    bool full() const noexcept { return place_of(none) == none; }
    bool empty() const noexcept { return !used(0) && !used(1) && !used(2); }
    bool used(std::uint32_t place) const noexcept { return pins_[place].number != none; }

    /// Only where it is not full.
    void add(std::uint32_t tag, const SessionPin& pin) noexcept {
        const std::uint32_t place = place_of(none);
        tags_[place] = tag;
        pins_[place] = pin;
    }

    // Of a place that is used:

    std::uint32_t tag(std::uint32_t place) const noexcept { return tags_[place]; }
    const SessionPin& pin(std::uint32_t place) const noexcept { return pins_[place]; }
    void remove(std::uint32_t place) noexcept { pins_[place].number = none; }

  private:
    std::uint32_t next_;
    std::array<std::uint32_t, places> tags_{};
    std::array<SessionPin, places> pins_{};
};

static_assert(sizeof(SessionLine) == cache_line);

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SESSION_LINE_HPP
