// SPDX-License-Identifier: Apache-2.0
//
// A pool, with an executor for its clients and operations, as the baselines have them.
#ifndef DISPATCH_BENCHMARKS_POOLED_HPP
#define DISPATCH_BENCHMARKS_POOLED_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <dispatch/pool.hpp>

#include "asio.hpp"

namespace bench {

/// The name of a session: 16 bytes. Made where it is needed, as a server has it from what it just read: a
/// list of all names would add its own cache misses to what is measured.
class SessionName {
  public:
    SessionName() = default;
    explicit SessionName(std::uint64_t number) noexcept { std::memcpy(text_ + 8, &number, sizeof(number)); }

    std::string_view text() const noexcept { return {text_, sizeof(text_)}; }

  private:
    char text_[16] = {'s', 'e', 's', 's', 'i', 'o', 'n', '-'};
};

/// A WorkerPool, as its users have it.
template <typename Executor = AnyExecutor>
class Dispatch {
  public:
    using Pool = dispatch::WorkerPool<std::uint64_t, std::uint64_t, dispatch::LeastLoaded, Executor>;

    template <typename H>
    Dispatch(const Executor& executor, std::size_t workers, H handler)
        : pool_{dispatch::spawn_workers<std::uint64_t, std::uint64_t, Executor>(executor, workers, handler)} {}

    Executor executor() const { return pool_.get_executor(); }
    Pool& pool() noexcept { return pool_; }

    struct Operation {
        using Response = std::uint64_t;
        Pool* pool;
        auto operator()(std::uint64_t request) const { return pool->submit(std::nullopt, request); }
    };
    Operation operation() { return {&pool_}; }

    /// The same with a deadline that is met.
    struct OperationWithDeadline {
        using Response = std::uint64_t;
        Pool* pool;
        auto operator()(std::uint64_t request) const {
            const auto deadline = dispatch::TimeSource<Executor>::Clock::now() + std::chrono::minutes{1};
            return pool->submit({.deadline = deadline}, request);
        }
    };
    OperationWithDeadline operation_with_deadline() { return {&pool_}; }

    /// Spreads requests over so many sessions, in an order that looks random. Each client has a copy of
    /// its own, so that the name lives as long as the request.
    class SessionOperation {
      public:
        using Response = std::uint64_t;
        SessionOperation(Pool& pool, std::uint64_t sessions) noexcept : pool_{&pool}, sessions_{sessions} {}
        auto operator()(std::uint64_t request) const {
            name_ = SessionName{((request * 0x9e3779b97f4a7c15ULL) >> 20) % sessions_};
            return pool_->submit(name_.text(), request);
        }

      private:
        Pool* pool_;
        std::uint64_t sessions_;
        mutable SessionName name_;
    };
    SessionOperation operation(std::uint64_t sessions) { return {pool_, sessions}; }

    /// Requests from 1 to the number of sessions: each session's first.
    class Introduction {
      public:
        using Response = std::uint64_t;
        explicit Introduction(Pool& pool) noexcept : pool_{&pool} {}
        auto operator()(std::uint64_t request) const {
            name_ = SessionName{request - 1};
            return pool_->submit(name_.text(), request);
        }

      private:
        Pool* pool_;
        mutable SessionName name_;
    };
    Introduction introduction() { return Introduction{pool_}; }

  private:
    Pool pool_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_POOLED_HPP
