// SPDX-License-Identifier: Apache-2.0
//
// A pool with a bug, which the simulation has to find: planted BUG [OPTION...]. It stands between the
// simulation and the real pool.
#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <memory>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/pool.hpp>

#include "family.hpp"
#include "simulation.hpp"

namespace planted {

using dispatch::errc;
using sim::Request;
using sim::Response;

enum class Bug {
    none,
    loses_a_reply,
    wrong_error,
    completes_at_once,
    forgets_sessions,
    forgets_deadlines,
    goes_on_after_stop,
    leaks,
    miscounts,
    wrong_worker,
    refuses_too_early,
    binds_early,
    hides_moves,
    is_impatient,
    is_too_patient,
    leaves_its_home,
};

constexpr std::array<std::string_view, 16> names{"none",
                                                 "loses_a_reply",
                                                 "wrong_error",
                                                 "completes_at_once",
                                                 "forgets_sessions",
                                                 "forgets_deadlines",
                                                 "goes_on_after_stop",
                                                 "leaks",
                                                 "miscounts",
                                                 "wrong_worker",
                                                 "refuses_too_early",
                                                 "binds_early",
                                                 "hides_moves",
                                                 "is_impatient",
                                                 "is_too_patient",
                                                 "leaves_its_home"};

Bug bug = Bug::none;

/// A completion handler that does not always say what it hears.
template <typename Handler>
class Unreliable {
  public:
    using executor_type = sim::net::associated_executor_t<Handler, sim::Executor>;
    using allocator_type = sim::net::associated_allocator_t<Handler>;
    using cancellation_slot_type = sim::net::associated_cancellation_slot_t<Handler>;

    Unreliable(Handler&& handler, const sim::Executor& executor)
        : executor_{sim::net::get_associated_executor(handler, executor)}, handler_{std::move(handler)} {}

    executor_type get_executor() const noexcept { return executor_; }
    allocator_type get_allocator() const noexcept { return sim::net::get_associated_allocator(handler_); }
    cancellation_slot_type get_cancellation_slot() const noexcept {
        return sim::net::get_associated_cancellation_slot(handler_);
    }

    void operator()(std::exception_ptr error, Response response) {
        if (bug == Bug::loses_a_reply && is(error, errc::queue_full)) {
            return;
        }
        if (bug == Bug::wrong_error && is(error, errc::deadline_exceeded)) {
            error = std::make_exception_ptr(std::system_error{errc::stopped});
        }
        std::move(handler_)(std::move(error), std::move(response));
    }

  private:
    static bool is(const std::exception_ptr& error, errc code) {
        try {
            if (error) {
                std::rethrow_exception(error);
            }
        } catch (const std::system_error& e) {
            return e.code() == code;
        } catch (...) {
        }
        return false;
    }

    executor_type executor_;
    Handler handler_;
};

class PlantedPool {
  public:
    PlantedPool(std::vector<sim::Handle> workers, const dispatch::PoolOptions& options, sim::Policy policy)
        : pool_{std::move(workers), changed(options),
                bug == Bug::wrong_worker ? sim::Policy::of(sim::PolicyKind::round_robin) : std::move(policy)} {}

    template <typename Handler>
    void submit(dispatch::SubmitOptions options, Request request, Handler&& handler) {
        if (bug == Bug::forgets_sessions && options.session && options.session->ends_with('0')) {
            options.session.reset();
        }
        if (bug == Bug::forgets_deadlines) {
            options.deadline.reset();
        }
        if (bug == Bug::refuses_too_early && is_full()) {
            return try_submit(options, std::move(request), std::forward<Handler>(handler));
        }
        pool_.submit(options, std::move(request), Unreliable<std::decay_t<Handler>>{std::move(handler), executor_});
    }

    template <typename Handler>
    void try_submit(const dispatch::SubmitOptions& options, Request request, Handler&& handler) {
        if (bug == Bug::completes_at_once && is_full()) {
            return std::move(handler)(std::make_exception_ptr(std::system_error{errc::queue_full}), Response{});
        }
        pool_.try_submit(options, std::move(request), std::forward<Handler>(handler));
    }

    template <typename Handler>
    void drain(Handler&& handler) {
        if (bug == Bug::leaks) {
            static std::vector<std::unique_ptr<int>> hoard;
            hoard.push_back(std::make_unique<int>(0));
        }
        pool_.drain(std::forward<Handler>(handler));
    }

    void stop() noexcept {
        if (bug != Bug::goes_on_after_stop) {
            pool_.stop();
        }
    }

    auto worker_metrics() const { return pool_.worker_metrics(); }

    dispatch::Ledger ledger() const noexcept {
        dispatch::Ledger ledger = pool_.ledger();
        if (bug == Bug::miscounts) {
            ledger.expired *= 2;
        }
        if (bug == Bug::hides_moves) {
            ledger.moved = 0;
        }
        return ledger;
    }

  private:
    static dispatch::PoolOptions changed(dispatch::PoolOptions options) {
        options.late_binding = options.late_binding && bug != Bug::binds_early;
        if (bug == Bug::is_impatient) {
            options.patience = 0;
        }
        if (bug == Bug::is_too_patient) {
            options.patience *= 2;
        }
        if (bug == Bug::leaves_its_home) {
            options.affinity = dispatch::Affinity::preferred;
        }
        return options;
    }

    bool is_full() const {
        const auto rows = pool_.worker_metrics();
        return std::all_of(rows.begin(), rows.end(), [](const auto& row) { return row.queue_len == row.capacity; });
    }

    sim::RealPool pool_;
    sim::Executor executor_ = pool_.get_executor();  // the pool may be asked only while its context lives
};

}  // namespace planted

int main(int argc, char** argv) {
    const auto* const named = std::find(planted::names.begin(), planted::names.end(), argc > 1 ? argv[1] : "");
    if (named == planted::names.end()) {
        std::cerr << "no such bug\n";
        return 2;
    }
    planted::bug = static_cast<planted::Bug>(named - planted::names.begin());
    return sim::Simulation<sim::Family<planted::PlantedPool>>::main(argc - 1, argv + 1);
}
