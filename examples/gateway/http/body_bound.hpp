// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_BODY_BOUND_HPP
#define GATEWAY_HTTP_BODY_BOUND_HPP

#include <cstdint>

namespace gateway {

/// How much the bodies that arrive may hold together, for the connections of a server. Thread-safe.
class BodyBound {
  public:
    /// Takes so many bytes, if there is room for them: whether there was.
    [[nodiscard]] virtual bool try_take(std::uint64_t bytes) = 0;

    /// Gives back bytes that were taken.
    virtual void give_back(std::uint64_t bytes) = 0;

    /// Whether there is room for so many bytes at present.
    [[nodiscard]] virtual bool has_room_for(std::uint64_t bytes) const = 0;

  protected:
    ~BodyBound() = default;
};

/// What the body of one request has taken. Gives it back at the end.
class BodyRoom {
  public:
    /// bound: null, if there is none.
    explicit BodyRoom(BodyBound* bound) : bound_{bound} {}
    BodyRoom(const BodyRoom&) = delete;
    BodyRoom& operator=(const BodyRoom&) = delete;
    ~BodyRoom() { release(); }

    /// Whether a body that says that it will have so many bytes may begin to arrive.
    [[nodiscard]] bool may_begin(std::uint64_t bytes) const {
        return bound_ == nullptr || bytes <= unbound || bound_->has_room_for(bytes - unbound);
    }

    /// The body has so many bytes by now: whether it may.
    [[nodiscard]] bool grow_to(std::uint64_t bytes) {
        if (bound_ == nullptr || bytes <= unbound + taken_) {
            return true;
        }
        const std::uint64_t more = bytes - unbound - taken_;
        const bool taken = bound_->try_take(more);
        taken_ += taken ? more : 0;
        return taken;
    }

    void release() {
        if (taken_ > 0) {
            bound_->give_back(taken_);
            taken_ = 0;
        }
    }

    /// The first bytes of each body are within what a connection holds anyhow.
    static constexpr std::uint64_t unbound = 16 * 1024;

  private:
    BodyBound* bound_;
    std::uint64_t taken_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_BODY_BOUND_HPP
