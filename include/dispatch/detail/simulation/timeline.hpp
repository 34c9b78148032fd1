// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP
#define DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/splitmix64.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What is to be done in a simulation: functions that are ready, and waits for a time. The time stands still until it
/// is moved. Knows nothing of Asio. What is here belongs to somebody (an execution context), and goes with him.
///
/// A seed decides in which order functions run that are ready at the same time. With 0, first come, first served.
/// Otherwise in so many cases of 100, which the seed decides as well, one that is drawn: where most run in order, a
/// function that is late by a lot is seen, which is rare where all is mixed up.
///
/// One thread at a time; only add() may be called by any.
class Timeline {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    /// The time at first. Not the epoch of the clock, so that there is a time before.
    static constexpr time_point start{std::chrono::hours{1}};

    /// Something to do. Destroyed undone if its owner goes first.
    class Function {
      public:
        virtual ~Function() = default;
        virtual void run() = 0;
    };

    /// What is to be done at a time. end() does not run anything of the simulation, but may add it.
    class Wait {
      public:
        virtual ~Wait() = default;
        virtual void end(bool cancelled) = 0;
    };

    /// Names a wait: in the order in which they end.
    using WaitId = std::pair<time_point, std::uint64_t>;

    explicit Timeline(std::uint64_t seed) noexcept : random_{seed} {
        constexpr unsigned percent[] = {5, 25, 50, 100};
        disorder_ = seed == 0 ? 0 : percent[random_.below(std::size(percent))];
    }

    time_point now() const noexcept { return now_; }

    /// Moves the time on, and not back.
    void advance_to(time_point time) noexcept { now_ = std::max(now_, time); }

    /// Has function run later.
    void add(const void* owner, std::unique_ptr<Function> function) {
        const std::lock_guard lock{mutex_};
        ready_.push_back({owner, std::move(function)});
    }

    /// Whether a function that need not wait until later is run at once.
    bool runs_at_once() noexcept { return disorder_ == 0 || random_.chance(50); }

    /// Ends waits whose time has come, and takes something that is ready: its owner, and the function. Null if nothing
    /// is.
    std::pair<const void*, std::unique_ptr<Function>> take() {
        end_due_waits();
        const std::lock_guard lock{mutex_};
        if (ready_.empty()) {
            return {};
        }
        if (random_.chance(disorder_)) {
            std::swap(ready_.front(), ready_[random_.below(ready_.size())]);
        }
        auto taken = std::move(ready_.front());
        ready_.pop_front();
        return taken;
    }

    /// How many functions are ready.
    std::size_t ready() {
        end_due_waits();
        const std::lock_guard lock{mutex_};
        return ready_.size();
    }

    WaitId add_wait(const void* owner, time_point time, std::unique_ptr<Wait> wait) {
        const WaitId id{time, ++last_number_};
        waits_.emplace(id, std::pair{owner, std::move(wait)});
        return id;
    }

    /// False if it has ended.
    bool cancel(const WaitId& id) {
        const auto found = waits_.find(id);
        if (found == waits_.end()) {
            return false;
        }
        const std::unique_ptr<Wait> wait = std::move(found->second.second);
        waits_.erase(found);
        wait->end(true);
        return true;
    }

    std::size_t waits() const noexcept { return waits_.size(); }

    /// When the next wait ends, if there is one.
    std::optional<time_point> next_wait() const noexcept {
        return waits_.empty() ? std::nullopt : std::optional{waits_.begin()->first.first};
    }

    /// Destroys all that owner has here, undone, and what comes of that.
    void drop(const void* owner) noexcept {
        for (;;) {
            std::vector<std::unique_ptr<Function>> functions;
            std::vector<std::unique_ptr<Wait>> waits;
            {
                const std::lock_guard lock{mutex_};
                for (auto& [of, function] : ready_) {
                    if (of == owner) {
                        functions.push_back(std::move(function));
                    }
                }
                std::erase_if(ready_, [](const auto& entry) { return entry.second == nullptr; });
            }
            for (auto entry = waits_.begin(); entry != waits_.end();) {
                if (entry->second.first == owner) {
                    waits.push_back(std::move(entry->second.second));
                    entry = waits_.erase(entry);
                } else {
                    ++entry;
                }
            }
            if (functions.empty() && waits.empty()) {
                return;
            }
        }
    }

  private:
    void end_due_waits() {
        while (!waits_.empty() && waits_.begin()->first.first <= now_) {
            const std::unique_ptr<Wait> wait = std::move(waits_.begin()->second.second);
            waits_.erase(waits_.begin());
            wait->end(false);
        }
    }

    SplitMix64 random_;
    /// In so many cases of 100 what runs next is drawn.
    unsigned disorder_;
    time_point now_ = start;
    std::mutex mutex_;
    std::deque<std::pair<const void*, std::unique_ptr<Function>>> ready_;
    std::map<WaitId, std::pair<const void*, std::unique_ptr<Wait>>> waits_;
    std::uint64_t last_number_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP
