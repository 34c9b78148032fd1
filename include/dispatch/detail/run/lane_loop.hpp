// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LANE_LOOP_HPP
#define DISPATCH_DETAIL_RUN_LANE_LOOP_HPP

#include <memory>
#include <new>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/semaphore.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Whose loop it is. Alive as long as the coroutine holds it.
class LaneLoopOwner {
  public:
    /// A lane may be added now: the permit is the owner's again.
    virtual void lane_granted() = 0;
    /// None can, for want of memory, or because Asio has destroyed the coroutine; the same with the permit. Not called
    /// while the context shuts down.
    virtual void lane_failed() noexcept = 0;
    virtual bool has_context() const noexcept = 0;

  protected:
    ~LaneLoopOwner() = default;
};

/// The coroutine loop that gives a worker one lane more at a time: it waits at its doorbell, then at the semaphore for
/// the permit that was lent for the lane, and has its owner add it. On the strand, and made when a second lane is
/// needed for the first time: most workers that are idle, and all that run one job at a time, have none.
///
/// It is the same for all types of executors, behind any_io_executor: it has time, and compiling costs. A template, so
/// that it is not compiled where no worker is.
template <typename AnyExecutor>
class BasicLaneLoop {
  public:
    using Owner = LaneLoopOwner;

    /// strand does not track work: the coroutine waits most of the time.
    explicit BasicLaneLoop(const AnyExecutor& strand) : permits_{strand, 0}, doorbell_{strand, 1} {}

    /// Lends a permit for a lane to be added; the owner gets it back by one of its functions, never from within this
    /// call. Where it throws std::bad_alloc, it still has it.
    void ring(const std::shared_ptr<Owner>& owner) {
        if (!is_there_) {
            net::co_spawn(permits_.get_executor(), run(owner, *this), net::detached);
        }
        doorbell_.try_send(net_error{}, true);
        permits_.release();
    }

    /// The coroutine ends.
    void close() {
        closed_ = true;
        doorbell_.close();
        permits_.cancel();
    }

  private:
    /// A ring carries nothing; but Asio 1.22's channel of void(error_code) does not compile.
    using Doorbell = net::experimental::basic_concurrent_channel<AnyExecutor, net::experimental::channel_traits<>,
                                                                 void(net_error, bool)>;

    /// Where there is no memory for the completion of what it awaits, Asio destroys the coroutine: it is begun anew
    /// with the next ring.
    static net::awaitable<void> run(std::shared_ptr<Owner> owner, BasicLaneLoop& self) {
        const Presence presence{self, *owner};
        net_error error;
        for (;;) {
            try {
                co_await self.doorbell_.async_receive(net::redirect_error(net::use_awaitable, error));
                if (!error && !self.closed_) {
                    Permit permit =
                        co_await self.permits_.async_acquire(net::redirect_error(net::use_awaitable, error));
                    permit.detach();
                }
                if (error || self.closed_) {
                    co_return;
                }
            } catch (const std::bad_alloc&) {
                self.take_back(*owner);
                continue;
            }
            owner->lane_granted();
        }
    }

    /// The loop, as long as it is there.
    struct Presence {
        Presence(BasicLaneLoop& loop, Owner& owner) noexcept : self{loop}, of{owner} { self.is_there_ = true; }
        Presence(const Presence&) = delete;
        Presence& operator=(const Presence&) = delete;
        ~Presence() {
            if (of.has_context()) {  // else self may be gone
                self.is_there_ = false;
                self.take_back(of);
            }
        }

        BasicLaneLoop& self;
        Owner& of;
    };

    void take_back(Owner& owner) noexcept {
        // No ring without a permit: the loop would wait for one.
        doorbell_.try_receive([](const net_error& /*error*/, bool /*ring*/) {});
        if (Permit permit = permits_.try_acquire()) {
            permit.detach();
            owner.lane_failed();
        }
    }

    /// As many units as were lent and not granted.
    BasicSemaphore<AnyExecutor> permits_;
    Doorbell doorbell_;
    bool is_there_ = false;
    bool closed_ = false;
};

using LaneLoop = BasicLaneLoop<net::any_io_executor>;

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LANE_LOOP_HPP
