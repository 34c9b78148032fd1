// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/alarms.hpp>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

namespace gateway {

struct Alarms::Call {
    const net::any_io_executor executor;
    const std::function<void()> ring;
    // Used on executor alone:
    bool over = false;
    bool rang = false;
    // Guarded by the state's mutex:
    bool listed = true;
    std::multimap<Clock::time_point, std::shared_ptr<Call>>::iterator place = {};
};

struct Alarms::State : std::enable_shared_from_this<State> {
    explicit State(const net::any_io_executor& executor) : strand{net::make_strand(executor)}, timer{strand} {}

    void add(const std::shared_ptr<Call>& call, Clock::time_point time) {
        {
            const std::lock_guard lock{mutex};
            call->place = calls.emplace(time, call);
            if (time >= wakes_at) {
                return;
            }
            wakes_at = time;
        }
        look_again();
    }

    void remove(Call& call) {
        std::shared_ptr<Call> removed;  // goes after the mutex was released
        {
            const std::lock_guard lock{mutex};
            if (!std::exchange(call.listed, false)) {
                return;
            }
            removed = std::move(call.place->second);
            calls.erase(call.place);
            if (!calls.empty()) {
                return;  // the timer may wake for nothing
            }
            wakes_at = Clock::time_point::max();
        }
        look_again();
    }

    void look_again() {
        net::post(strand, [self = shared_from_this()] { self->set_timer(); });
    }

    /// On the strand, as is ring().
    void set_timer() {
        const std::lock_guard lock{mutex};
        if (calls.empty()) {
            timer.cancel();
            return;
        }
        timer.expires_at(wakes_at);
        timer.async_wait([self = shared_from_this()](error_code cancelled) {
            if (!cancelled) {
                self->ring();
            }
        });
    }

    void ring() {
        std::vector<std::shared_ptr<Call>> due;
        {
            const std::lock_guard lock{mutex};
            const auto end = calls.upper_bound(Clock::now());
            for (auto call = calls.begin(); call != end; ++call) {
                call->second->listed = false;
                due.push_back(std::move(call->second));
            }
            calls.erase(calls.begin(), end);
            wakes_at = calls.empty() ? Clock::time_point::max() : calls.begin()->first;
        }
        for (std::shared_ptr<Call>& call : due) {
            const net::any_io_executor executor = call->executor;
            net::post(executor, [call = std::move(call)] {
                if (!call->over) {
                    call->rang = true;
                    call->ring();
                }
            });
        }
        set_timer();
    }

    const net::any_io_executor strand;
    net::steady_timer timer;  ///< used on the strand alone
    std::mutex mutex;
    // Guarded by it:
    std::multimap<Clock::time_point, std::shared_ptr<Call>> calls;
    Clock::time_point wakes_at = Clock::time_point::max();
};

Alarms::Alarms(const net::any_io_executor& executor) : state_{std::make_shared<State>(executor)} {}

Alarms::~Alarms() {
    {
        const std::lock_guard lock{state_->mutex};
        for (const auto& [time, call] : state_->calls) {
            call->listed = false;
        }
        state_->calls.clear();
        state_->wakes_at = Clock::time_point::max();
    }
    state_->look_again();
}

Alarms::Alarm::Alarm(Alarms& alarms, net::any_io_executor executor, Clock::time_point time, std::function<void()> ring)
    : state_{alarms.state_}, call_{std::make_shared<Call>(Call{std::move(executor), std::move(ring)})} {
    state_->add(call_, time);
}

Alarms::Alarm::~Alarm() {
    call_->over = true;  // it may be on its way
    state_->remove(*call_);
}

bool Alarms::Alarm::rang() const { return call_->rang; }

}  // namespace gateway
