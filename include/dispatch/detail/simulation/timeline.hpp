// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP
#define DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
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
/// is moved. Knows nothing of Asio. What is here belongs to an owner (an execution context), and is dropped with it.
///
/// A seed decides in which order functions run that are ready at the same time. With 0, first come, first served.
/// Otherwise what runs next is drawn, in so many cases of 100 as the seed decides, too: where most run in order, one
/// function that is very late has effects that it does not have where all are mixed up.
///
/// Ending a wait needs no memory, and so cannot fail: there is room among what is ready for all that wait.
///
/// One thread at a time; only add() may be called by any.
class Timeline {
  public:
    using time_point = std::chrono::steady_clock::time_point;
    using duration = time_point::duration;

    /// The time at first. Not the epoch of the clock, so that there are times before it.
    static constexpr time_point start{std::chrono::hours{1}};
    /// What waits until then waits for ever.
    static constexpr time_point never = time_point::max();

    /// Something to do. Destroyed undone if its owner goes first.
    class Function {
      public:
        virtual ~Function() = default;
        virtual void run() = 0;

      private:
        friend class Timeline;

        std::unique_ptr<Function> next_dropped_;
    };

    /// Something to do at a time, or when it is cancelled: it is ready then.
    class Wait : public Function {
      public:
        virtual void end(bool cancelled) noexcept = 0;
    };

    /// Names a wait, in the order in which they end.
    using WaitId = std::pair<time_point, std::uint64_t>;

    explicit Timeline(std::uint64_t seed) : seed_{seed}, random_{seed} {
        constexpr unsigned percent[] = {5, 25, 50, 100};
        disorder_ = seed == 0 ? 0 : percent[random_.below(std::size(percent))];
    }

    std::uint64_t seed() const noexcept { return seed_; }
    time_point now() const noexcept { return now_; }

    /// The time in so long, or never.
    time_point after(duration time) const noexcept { return time > never - now_ ? never : now_ + time; }

    /// Moves the time on, and not back.
    void advance_to(time_point time) noexcept { now_ = std::max(now_, time); }

    /// Has function run later.
    void add(const void* owner, std::unique_ptr<Function> function) {
        const std::lock_guard lock{mutex_};
        reserve_one_more();
        ready_.push_back({owner, std::move(function)});
    }

    /// Whether a function that need not wait until later is run at once.
    bool runs_at_once() noexcept { return disorder_ == 0 || random_.chance(50); }

    /// Ends the waits whose time has come, and takes something that is ready: its owner, and the function. Null if
    /// nothing is.
    std::pair<const void*, std::unique_ptr<Function>> take() noexcept {
        const std::lock_guard lock{mutex_};
        while (!waits_.empty() && waits_.begin()->first.first <= now_) {
            end(waits_.begin(), false);
        }
        if (first_ == ready_.size()) {
            return {};
        }
        Entry& next = ready_[first_];
        if (random_.chance(disorder_)) {
            std::swap(next, ready_[first_ + random_.below(ready_.size() - first_)]);
        }
        ++first_;
        return {next.owner, std::move(next.function)};
    }

    /// How many functions are ready, with those whose wait has come to its end.
    std::size_t ready() const noexcept {
        const std::lock_guard lock{mutex_};
        const auto due = waits_.upper_bound({now_, ~std::uint64_t{0}});
        return ready_.size() - first_ + static_cast<std::size_t>(std::distance(waits_.begin(), due));
    }

    /// The name of a wait that is to be added.
    WaitId new_wait(time_point time) noexcept { return {time, ++last_number_}; }

    void add_wait(const void* owner, const WaitId& id, std::unique_ptr<Wait> wait) {
        const std::lock_guard lock{mutex_};
        reserve_one_more();
        waits_.emplace(id, std::pair{owner, std::move(wait)});
    }

    /// False if it has ended.
    bool cancel(const WaitId& id) noexcept {
        const std::lock_guard lock{mutex_};
        const auto found = waits_.find(id);
        if (found == waits_.end()) {
            return false;
        }
        end(found, true);
        return true;
    }

    std::size_t waits() const noexcept { return waits_.size(); }
    std::size_t waits_for_ever() const noexcept {
        return static_cast<std::size_t>(std::distance(waits_.lower_bound({never, 0}), waits_.end()));
    }

    /// When the next wait ends, if one ever does.
    std::optional<time_point> next_wait() const noexcept {
        return waits_.empty() || waits_.begin()->first.first == never ? std::nullopt
                                                                      : std::optional{waits_.begin()->first.first};
    }

    /// Destroys all that owner has here, undone, and what comes of that.
    void drop(const void* owner) noexcept {
        while (drop_ready(owner) || drop_waits(owner)) {
        }
    }

    /// What keeps the contexts of this simulation from running out of work.
    std::atomic<std::size_t> work{0};
    /// A function of this simulation is running. Of the thread that runs it.
    bool running = false;

  private:
    struct Entry {
        const void* owner;
        std::unique_ptr<Function> function;
    };
    using Waits = std::map<WaitId, std::pair<const void*, std::unique_ptr<Wait>>>;

    /// Among what is ready there is room for all that wait, and one more. Under the lock.
    void reserve_one_more() {
        const std::size_t needed = waits_.size() + 1;
        if (ready_.capacity() - ready_.size() >= needed) {
            return;
        }
        ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
        if (ready_.capacity() < 2 * (ready_.size() + needed)) {
            ready_.reserve(4 * (ready_.size() + needed));
        }
    }

    /// Under the lock.
    void end(Waits::iterator entry, bool cancelled) noexcept {
        auto [owner, wait] = std::move(entry->second);
        waits_.erase(entry);
        wait->end(cancelled);
        ready_.push_back({owner, std::move(wait)});
    }

    bool drop_ready(const void* owner) noexcept {
        // As a chain, which needs no memory. What is destroyed may add more.
        std::unique_ptr<Function> dropped;
        {
            const std::lock_guard lock{mutex_};
            std::unique_ptr<Function>* last = &dropped;
            for (std::size_t i = first_; i != ready_.size(); ++i) {
                if (ready_[i].owner == owner) {
                    *last = std::move(ready_[i].function);
                    last = &(*last)->next_dropped_;
                }
            }
            std::erase_if(ready_, [](const Entry& entry) { return entry.function == nullptr; });
            first_ = 0;
        }
        const bool any = dropped != nullptr;
        while (dropped != nullptr) {
            dropped = std::move(dropped->next_dropped_);
        }
        return any;
    }

    bool drop_waits(const void* owner) noexcept {
        bool any = false;
        std::unique_lock lock{mutex_};
        for (auto entry = waits_.begin(); entry != waits_.end();) {
            const WaitId id = entry->first;
            std::unique_ptr<Wait> dropped;
            if (entry->second.first == owner) {
                any = true;
                dropped = std::move(entry->second.second);
                waits_.erase(entry);
            }
            // What is destroyed here may cancel others, and add some.
            lock.unlock();
            dropped.reset();
            lock.lock();
            entry = waits_.upper_bound(id);
        }
        return any;
    }

    const std::uint64_t seed_;
    SplitMix64 random_;
    /// In so many cases of 100 what runs next is drawn.
    unsigned disorder_;
    time_point now_ = start;
    /// Guards ready_, first_, and changes of waits_, of which add() asks how many there are. All else belongs to the
    /// thread that runs the simulation, which may look at waits_ without it.
    mutable std::mutex mutex_;
    /// What is ready, from first_ on.
    std::vector<Entry> ready_;
    std::size_t first_ = 0;
    Waits waits_;
    std::uint64_t last_number_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SIMULATION_TIMELINE_HPP
