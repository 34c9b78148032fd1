// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_WORKER_EXECUTOR_HPP
#define DISPATCH_DETAIL_EXECUTE_WORKER_EXECUTOR_HPP

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/recycler.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/execute/batcher.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

/// The executor below a worker's strand: runs functions by way of a Batcher.
///
/// It does not track outstanding work, so the worker's own suspended coroutines do not keep the context
/// from running out of it: an idle worker lets io_context::run() and thread_pool::join() return. (A
/// busy worker says so itself, and StrandExecutor tracks what handlers start.) It never runs a function at once,
/// and neither does the strand above it, which is told so: there is one type of either to be compiled.
template <typename Executor>
class BatchingExecutor {
  public:
    /// Not a constructor: to find out whether that is a copy constructor, the compiler would have to
    /// know whether this converts to any_io_executor, and so whether it is copyable.
    static BatchingExecutor over(std::shared_ptr<Batcher<Executor>> batcher) noexcept {
        return BatchingExecutor{std::move(batcher)};
    }

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept { return batcher_->context(); }

    static constexpr net::execution::blocking_t query(net::execution::blocking_t /*property*/) noexcept {
        return net::execution::blocking.never;
    }

    /// Of what the strand has to keep.
    template <typename T>
    static constexpr RecyclingAllocator<> query(net::execution::allocator_t<T> /*property*/) noexcept {
        return {};
    }

    BatchingExecutor require(net::execution::blocking_t::never_t /*property*/) const noexcept { return *this; }

    template <typename Function>
    void execute(Function&& function) const {
        batcher_->execute(std::forward<Function>(function));
    }

    /// What it runs functions on in the end. Null once the context is gone.
    const Executor* executor() const noexcept { return batcher_->executor(); }

    // asio::strand takes itself for an executor of the Networking TS, whose work is tracked like this.
    net::execution_context& context() const noexcept { return batcher_->context(); }
    void on_work_started() const noexcept {}
    void on_work_finished() const noexcept {}

    friend bool operator==(const BatchingExecutor& a, const BatchingExecutor& b) noexcept {
        return a.batcher_ == b.batcher_;
    }
    friend bool operator!=(const BatchingExecutor& a, const BatchingExecutor& b) noexcept { return !(a == b); }

  private:
    explicit BatchingExecutor(std::shared_ptr<Batcher<Executor>> batcher) noexcept : batcher_{std::move(batcher)} {}

    std::shared_ptr<Batcher<Executor>> batcher_;
};

/// As long as one of these lives, no StrandExecutor begins to track work on this thread: for co_spawn, which does it
/// for the coroutine that it starts, when that is a worker's own, and idle most of the time.
class UntrackedScope {
  public:
    UntrackedScope() noexcept : outer_{std::exchange(active_, true)} {}
    UntrackedScope(const UntrackedScope&) = delete;
    UntrackedScope& operator=(const UntrackedScope&) = delete;
    ~UntrackedScope() { active_ = outer_; }

    static bool active() noexcept { return active_; }

  private:
    static inline constinit thread_local bool active_ = false;

    const bool outer_;
};

/// What StrandExecutors share.
template <typename Executor>
struct StrandState {
    using Strand = net::strand<BatchingExecutor<Executor>>;
    using Tracked = std::decay_t<decltype(net::prefer(std::declval<const Executor&>(),
                                                      net::execution::outstanding_work_t::tracked))>;

    explicit StrandState(const Strand& of, bool tracks_work) : strand{of}, may_track{tracks_work} {}
    StrandState(const Strand& of, Tracked&& tracked) : strand{of}, work{std::move(tracked)} {}

    Strand strand;
    /// Whether it tracks work when it is asked to.
    bool may_track = true;
    /// The executor below, where it tracks work.
    std::optional<Tracked> work;
};

/// The executor that a worker's handlers see: its strand, with the work that is outstanding tracked where that is asked
/// for, as a strand of Executor would. So what a handler starts there, and what waits for something elsewhere, keeps
/// the context from running out of work.
///
/// It is one pointer, which any_io_executor keeps without memory of its own.
template <typename Executor, bool never_blocks = false>
class StrandExecutor {
    using Strand = net::strand<BatchingExecutor<Executor>>;
    using Blocking = net::execution::blocking_t;
    using Work = net::execution::outstanding_work_t;

  public:
    explicit StrandExecutor(const Strand& strand) : state_{make(strand, true)} {}

    /// One that never tracks work: for a coroutine of the worker's own.
    static StrandExecutor untracked(const Strand& strand) { return StrandExecutor{make(strand, false)}; }

    const Strand& strand() const noexcept { return state_->strand; }

    bool running_in_this_thread() const noexcept { return state_->strand.running_in_this_thread(); }

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept {
        return net::query(state_->strand, net::execution::context);
    }

    static constexpr Blocking query(Blocking /*property*/) noexcept {
        if constexpr (never_blocks) {
            return Blocking::never;
        } else {
            return Blocking::possibly;
        }
    }

    Work query(Work /*property*/) const noexcept { return state_->work ? Work{Work::tracked} : Work{Work::untracked}; }

    StrandExecutor<Executor, true> require(Blocking::never_t /*property*/) const noexcept {
        return StrandExecutor<Executor, true>{state_};
    }

    StrandExecutor<Executor, false> require(Blocking::possibly_t /*property*/) const noexcept {
        return StrandExecutor<Executor, false>{state_};
    }

    // Asio asks for these where it must not throw.

    StrandExecutor require(Work::tracked_t tracked) const noexcept {
        if (state_->work || !state_->may_track || UntrackedScope::active()) {
            return *this;
        }
        const Executor* const executor = state_->strand.get_inner_executor().executor();
        return executor == nullptr ? *this : retry_on_bad_alloc([&] {
            return StrandExecutor{make(state_->strand, net::prefer(*executor, tracked))};
        });
    }

    StrandExecutor require(Work::untracked_t /*property*/) const noexcept {
        return state_->work ? retry_on_bad_alloc([&] { return StrandExecutor{state_->strand}; }) : *this;
    }

    template <typename Function>
    void execute(Function&& function) const {
        if (!never_blocks && running_in_this_thread()) {
            std::decay_t<Function> owned{std::forward<Function>(function)};
            std::move(owned)();
        } else {
            execute_on(state_->strand, std::forward<Function>(function));
        }
    }

    /// Whether functions that are run by either are never run at the same time.
    friend bool operator==(const StrandExecutor& a, const StrandExecutor& b) noexcept {
        return a.state_->strand == b.state_->strand;
    }
    friend bool operator!=(const StrandExecutor& a, const StrandExecutor& b) noexcept { return !(a == b); }

  private:
    template <typename, bool>
    friend class StrandExecutor;

    using State = StrandState<Executor>;

    template <typename... Args>
    static std::shared_ptr<const State> make(Args&&... args) {
        return std::allocate_shared<State>(RecyclingAllocator<State>{}, std::forward<Args>(args)...);
    }

    explicit StrandExecutor(std::shared_ptr<const State> state) noexcept : state_{std::move(state)} {}

    std::shared_ptr<const State> state_;
};

}  // namespace detail

/// The executor on which the handlers of a worker spawned on Executor run: a strand of its own. A
/// handler that returns awaitable<S, WorkerExecutor<Executor>> is run without type erasure.
template <typename Executor>
using WorkerExecutor = detail::StrandExecutor<Executor>;

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_DETAIL_EXECUTE_WORKER_EXECUTOR_HPP
