// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_CONTEXT_HPP
#define DISPATCH_TESTS_SIMULATION_CONTEXT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "../support/asio.hpp"
#include "clock.hpp"
#include "random.hpp"

namespace sim {

namespace net = dispatch::net;

/// An execution context that is one of many threads at a time: what is ready is run one by one, by hand,
/// in an order that a seed decides. Time is sim::Clock's.
class Context : public net::execution_context {
  public:
    /// Something to do later. Destroyed undone when the context goes first.
    class Item {
      public:
        virtual ~Item() = default;
        virtual void run() = 0;
    };

    /// Something to do at a time, or when it is called off.
    class Wait {
      public:
        virtual ~Wait() = default;
        virtual void end(bool called_off) = 0;
        Time time;
        const void* owner = nullptr;
        std::uint64_t number = 0;
    };

    explicit Context(Random& random) noexcept : random_{random} {}

    /// As io_context does it: the services first, then what is left in the queue, undone.
    ~Context() {
        shutdown();
        // What is destroyed here may queue more: a coroutine's frames are unwound on its executor.
        while (!ready_.empty() || !waits_.empty()) {
            const auto ready = std::exchange(ready_, {});
            const auto waits = std::exchange(waits_, {});
        }
        destroy();
    }

    void add(std::unique_ptr<Item> item) { ready_.push_back(std::move(item)); }

    void add(std::unique_ptr<Wait> wait, Time time, const void* owner, std::uint64_t number) {
        wait->time = time;
        wait->owner = owner;
        wait->number = number;
        waits_.push_back(std::move(wait));
    }

    std::uint64_t new_number() noexcept { return ++last_number_; }

    /// Calls off the waits for which concerns(wait).
    template <typename Predicate>
    std::size_t call_off(Predicate&& concerns) {
        return end_waits(true, concerns);
    }

    /// How much there is to do now.
    std::size_t ready() {
        end_waits(false, [](const Wait& wait) { return wait.time <= Clock::now(); });
        return ready_.size();
    }

    /// The next time at which there will be something to do, or the last time of all.
    Time next_time() const noexcept {
        Time next = Time::max();
        for (const auto& wait : waits_) {
            next = std::min(next, wait->time);
        }
        return next;
    }

    /// Runs something that is ready. disorder: in how many cases of 100 it is not what came first.
    void run_one(int disorder) {
        const std::size_t index = random_.chance(disorder) ? random_.below(ready_.size()) : 0;
        const std::unique_ptr<Item> item = std::move(ready_[index]);
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
        run_here(*item);
    }

    /// Whether a function that need not wait is run at once: Asio's own executors do that in their threads.
    bool runs_at_once() { return running_ == this && random_.chance(50); }

    /// The context whose function is running.
    static const Context* running() noexcept { return running_; }

    /// Executors and others that keep the context from running out of work.
    std::size_t work = 0;

  private:
    void run_here(Item& item) {
        const Context* const outer = std::exchange(running_, this);
        item.run();
        running_ = outer;
    }

    template <typename Predicate>
    std::size_t end_waits(bool called_off, Predicate&& concerns) {
        std::vector<std::unique_ptr<Wait>> ended;
        for (auto& wait : waits_) {
            if (concerns(*wait)) {
                ended.push_back(std::move(wait));
            }
        }
        std::erase(waits_, nullptr);
        for (const auto& wait : ended) {
            wait->end(called_off);
        }
        return ended.size();
    }

    static inline const Context* running_ = nullptr;

    Random& random_;
    std::vector<std::unique_ptr<Item>> ready_;
    std::vector<std::unique_ptr<Wait>> waits_;
    std::uint64_t last_number_ = 0;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_CONTEXT_HPP
