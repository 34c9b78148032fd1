// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_CALLERS_HPP
#define DISPATCH_TESTS_SIMULATION_CALLERS_HPP

#include <cstddef>
#include <exception>
#include <utility>

#include <dispatch/metrics.hpp>

#include "../support/asio.hpp"
#include "objects.hpp"

namespace sim {

namespace net = dispatch::net;

/// The completion handlers of those who submit. Stage is the Rehearsal that they are part of.

template <typename Stage>
class Reply {
  public:
    using cancellation_slot_type = net::cancellation_slot;

    Reply(Stage& stage, std::size_t job, net::cancellation_slot slot) noexcept
        : stage_{&stage}, job_{job}, slot_{slot} {}

    cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

    void operator()(std::exception_ptr error, Response response) {
        stage_->completed(job_.value, std::move(error), response);
    }

  private:
    Stage* stage_;
    JobNumber job_;
    net::cancellation_slot slot_;
};

template <typename Stage, typename Ex>
class ReplyOn : public Reply<Stage> {
  public:
    using executor_type = Ex;

    ReplyOn(const Ex& executor, Stage& stage, std::size_t job, net::cancellation_slot slot) noexcept
        : Reply<Stage>{stage, job, slot}, executor_{executor} {}

    executor_type get_executor() const noexcept { return executor_; }

  private:
    Ex executor_;
};

template <typename Stage>
class AllocatingReply : public Reply<Stage> {
  public:
    using Reply<Stage>::Reply;
    using allocator_type = CountingAllocator<>;

    allocator_type get_allocator() const noexcept { return {}; }
};

/// Of somebody who drains the pool.
template <typename Stage>
class DrainReply {
  public:
    using cancellation_slot_type = net::cancellation_slot;
    using executor_type = typename Stage::AwayStrand;

    DrainReply(Stage& stage, std::size_t number, net::cancellation_slot slot, const executor_type& executor) noexcept
        : stage_{&stage}, number_{number}, slot_{slot}, executor_{executor} {}

    cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
    executor_type get_executor() const noexcept { return executor_; }

    void operator()(std::exception_ptr error, const dispatch::Ledger& ledger) {
        stage_->drained(number_.value, std::move(error), ledger);
    }

  private:
    Stage* stage_;
    JobNumber number_;
    net::cancellation_slot slot_;
    executor_type executor_;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_CALLERS_HPP
