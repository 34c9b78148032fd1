// SPDX-License-Identifier: Apache-2.0
//
// The session map with names of any content, beside a model that remembers them all.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dispatch/affinity.hpp>

#include "bytes.hpp"

namespace {

struct Clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    [[maybe_unused]] static constexpr bool is_steady = true;
};

void require(bool fulfilled, const char* what) {
    if (!fulfilled) {
        std::cerr << what << std::endl;
        std::abort();
    }
}

class Comparison {
  public:
    explicit Comparison(fuzz::Bytes bytes)
        : bytes_{bytes},
          ttl_{1 + bytes_.byte() % 64},
          slides_{bytes_.byte() % 2 == 1},
          max_sessions_{1U + bytes_.byte() % 8U},
          map_{ttl_, slides_ ? dispatch::AffinityExpiry::sliding : dispatch::AffinityExpiry::fixed, max_sessions_,
               workers} {}

    void run() {
        while (!bytes_.empty()) {
            if (const std::uint8_t operation = bytes_.byte(); operation % 8 == 0) {
                now_ += std::chrono::nanoseconds{operation / 8 * (ttl_.count() / 8 + 1)};
            } else {
                visit(name(), operation / 8 % workers, operation % 8 == 1);
            }
            check();
        }
    }

  private:
    struct Pin {
        std::size_t worker;
        Clock::time_point expiry;
    };

    static constexpr std::size_t workers = 4;

    /// Few that are short and come again, and some that are not.
    std::string name() {
        const std::uint8_t size = bytes_.byte();
        if (size < 16) {
            return std::string(1, static_cast<char>(size));
        }
        return std::string{bytes_.text(size)};
    }

    void visit(const std::string& session, std::size_t worker, bool refused) {
        const auto pin = pins_.find(session);
        const bool pinned = pin != pins_.end() && now_ < pin->second.expiry;
        const std::vector<std::string> live = all_live();
        bool chosen = false;
        const std::optional<std::size_t> got =
            map_.lookup_or_assign(session, now_, [&]() -> std::optional<std::size_t> {
                chosen = true;
                return refused ? std::nullopt : std::optional{worker};
            });
        require(chosen != pinned, pinned ? "a pinned session was given away" : "a new session was not asked about");
        if (pinned) {
            require(got == pin->second.worker, "a session is not where it was pinned");
            if (slides_) {
                pin->second.expiry = now_ + ttl_;
            }
            return;
        }
        require(got == (refused ? std::nullopt : std::optional{worker}), "not the worker that was chosen");
        pins_.erase(session);
        if (!refused) {
            if (live.size() == max_sessions_) {
                forget_one_of_the_oldest(live);
            }
            pins_[session] = {worker, now_ + ttl_};
        }
    }

    std::vector<std::string> all_live() const {
        std::vector<std::string> names;
        for (const auto& [name, pin] : pins_) {
            if (now_ < pin.expiry) {
                names.push_back(name);
            }
        }
        return names;
    }

    void forget_one_of_the_oldest(const std::vector<std::string>& live) {
        std::vector<std::string> gone;
        Clock::time_point nearest = Clock::time_point::max();
        for (const std::string& name : live) {
            nearest = std::min(nearest, pins_.at(name).expiry);
            if (!map_.lookup(name, now_)) {
                gone.push_back(name);
            }
        }
        require(gone.size() == 1, "not one session made room");
        require(pins_.at(gone.front()).expiry == nearest, "the session that made room was not nearest its expiry");
        pins_.erase(gone.front());
    }

    void check() const {
        std::size_t pinned = 0;
        for (std::size_t worker = 0; worker != workers; ++worker) {
            pinned += map_.sessions(worker);
        }
        require(map_.size() <= max_sessions_, "there are too many sessions");
        require(pinned == map_.size(), "not each session is pinned to one worker");
        for (const auto& [name, pin] : pins_) {
            require(map_.lookup(name, now_) == (now_ < pin.expiry ? std::optional{pin.worker} : std::nullopt),
                    "a session was forgotten, moved, or remembered for too long");
        }
    }

    fuzz::Bytes bytes_;
    const std::chrono::nanoseconds ttl_;
    const bool slides_;
    const std::size_t max_sessions_;
    dispatch::SessionMap<Clock> map_;
    std::map<std::string, Pin> pins_;
    Clock::time_point now_{std::chrono::hours{1}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Comparison{fuzz::Bytes{data, size}}.run();
    return 0;
}
