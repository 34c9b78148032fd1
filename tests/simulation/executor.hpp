// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_EXECUTOR_HPP
#define DISPATCH_TESTS_SIMULATION_EXECUTOR_HPP

#include <memory>
#include <type_traits>
#include <utility>

#include "../support/asio.hpp"
#include "context.hpp"

namespace sim {

/// The executor of a Context.
class Executor {
  public:
    explicit Executor(Context& context) noexcept : context_{&context} {}
    Executor(const Executor& other) noexcept
        : context_{other.context_}, never_blocks_{other.never_blocks_}, tracked_{other.tracked_} {
        count_work();
    }
    /// Takes the work along: Asio does not destroy a work guard that it has moved from.
    Executor(Executor&& other) noexcept
        : context_{other.context_},
          never_blocks_{other.never_blocks_},
          tracked_{std::exchange(other.tracked_, false)} {}
    Executor& operator=(const Executor& other) noexcept {
        if (this != &other) {
            uncount_work();
            context_ = other.context_;
            never_blocks_ = other.never_blocks_;
            tracked_ = other.tracked_;
            count_work();
        }
        return *this;
    }
    ~Executor() { uncount_work(); }

    template <typename Function>
    void execute(Function&& function) const {
        auto item = std::make_unique<FunctionItem<std::decay_t<Function>>>(std::forward<Function>(function));
        if (!never_blocks_ && context_->runs_at_once()) {
            item->run();
        } else {
            context_->add(std::move(item));
        }
    }

    bool running_in_this_thread() const noexcept { return Context::running() == context_; }
    Context& simulation() const noexcept { return *context_; }

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept { return *context_; }

    net::execution::blocking_t query(net::execution::blocking_t /*property*/) const noexcept {
        if (never_blocks_) {
            return net::execution::blocking.never;
        }
        return net::execution::blocking.possibly;
    }
    Executor require(net::execution::blocking_t::never_t /*property*/) const noexcept { return with(true, tracked_); }
    Executor require(net::execution::blocking_t::possibly_t /*property*/) const noexcept {
        return with(false, tracked_);
    }

    net::execution::outstanding_work_t query(net::execution::outstanding_work_t /*property*/) const noexcept {
        if (tracked_) {
            return net::execution::outstanding_work.tracked;
        }
        return net::execution::outstanding_work.untracked;
    }
    Executor require(net::execution::outstanding_work_t::tracked_t /*property*/) const noexcept {
        return with(never_blocks_, true);
    }
    Executor require(net::execution::outstanding_work_t::untracked_t /*property*/) const noexcept {
        return with(never_blocks_, false);
    }

    // asio::strand takes itself for an executor of the Networking TS, whose work is tracked like this.
    net::execution_context& context() const noexcept { return *context_; }
    void on_work_started() const noexcept { ++context_->work; }
    void on_work_finished() const noexcept { --context_->work; }

    friend bool operator==(const Executor& a, const Executor& b) noexcept {
        return a.context_ == b.context_ && a.never_blocks_ == b.never_blocks_ && a.tracked_ == b.tracked_;
    }
    friend bool operator!=(const Executor& a, const Executor& b) noexcept { return !(a == b); }

  private:
    template <typename Function>
    class FunctionItem final : public Context::Item {
      public:
        template <typename F>
        explicit FunctionItem(F&& function) : function_{std::forward<F>(function)} {}
        void run() override {
            Function function{std::move(function_)};
            std::move(function)();
        }

      private:
        Function function_;
    };

    Executor with(bool never_blocks, bool tracked) const noexcept {
        Executor executor{*context_};
        executor.never_blocks_ = never_blocks;
        executor.tracked_ = tracked;
        executor.count_work();
        return executor;
    }

    void count_work() const noexcept {
        if (tracked_) {
            ++context_->work;
        }
    }
    void uncount_work() const noexcept {
        if (tracked_) {
            --context_->work;
        }
    }

    Context* context_;
    bool never_blocks_ = false;
    bool tracked_ = false;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_EXECUTOR_HPP
