// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_REPLY_OPERATION_HPP
#define DISPATCH_DETAIL_REPLY_OPERATION_HPP

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/recycler.hpp>
#include <dispatch/detail/execute/run_queue.hpp>
#include <dispatch/detail/execute/worker_executor.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The arguments of a completion, kept until the handler is called with them.
template <typename... Args>
struct Completion {
    std::tuple<Args...> arguments;

    Completion take() noexcept { return std::move(*this); }

    template <typename Handler>
    void pass_to(Handler&& handler) && {
        std::apply([&](Args&... args) { std::forward<Handler>(handler)(std::move(args)...); }, arguments);
    }
};

/// A started asynchronous operation whose handler has not been called, whatever the types of that and of its result.
/// One node of
/// memory; it has one owner at a time, and ends by run(), post() or destroy(), of which the owner calls
/// exactly one, with the result set for the first two.
///
/// run() calls the handler on its executor, at once if that is native (see HandlerOperation), on which it is
/// called itself; destroy() lets go of the handler without calling it: its context is gone.
template <typename Executor>
class AnyOperation : public Task {
  public:
    /// Has the handler called on its executor, never from within this call. Any thread. Where there is no
    /// memory for that, it waits until there is.
    virtual void post(const Executor& native) noexcept = 0;

    /// Calls the handler here and now: this is its executor.
    virtual void invoke() { this->run(); }

  protected:
    explicit AnyOperation(std::byte* /*tail*/) noexcept {}
    ~AnyOperation() = default;

    /// The handler is about to be called: what is not for it goes now.
    void retire() noexcept {}

    /// Whether the operation's owner keeps the native executor from running out of work.
    static constexpr bool native_is_kept_busy = true;

    /// Whether somebody else still uses the memory: a handler whose deadline has passed.
    bool is_shared() const noexcept { return false; }

    /// Whether the memory may go. (One that is shared has two ends.)
    bool end() noexcept { return true; }
};

/// One whose handler is called with Result. Node is AnyOperation, or derived from it.
template <typename Result, typename Executor, typename Node = AnyOperation<Executor>>
class Operation : public Node {
  public:
    std::optional<Result> result;

  protected:
    using Node::Node;
    ~Operation() = default;
};

/// For a std::unique_ptr that owns an operation.
struct DestroyOperation {
    template <typename T>
    void operator()(T* operation) const noexcept {
        operation->destroy();
    }
};

/// Where an operation's memory comes from.
enum class Memory : bool {
    /// The handler's associated allocator, freed before the handler runs. A handler that has none of its
    /// own cannot tell: it is called where it is, in recycled memory.
    handler,
    /// Not that allocator: the memory may outlive the handler.
    detached,
};

template <typename T>
inline constexpr bool is_std_allocator = false;
template <typename T>
inline constexpr bool is_std_allocator<std::allocator<T>> = true;

/// A block of these is aligned for whatever needs Alignment.
template <std::size_t Alignment>
struct alignas(Alignment) AlignedUnit {
    std::byte bytes[Alignment];
};

/// Whether Executor can be told to run a function later, and not within the call that gives it the function. One that
/// runs functions at once cannot, nor can any_completion_executor and others that only have execute().
template <typename Executor>
inline constexpr bool can_defer = !net::execution::is_executor<Executor>::value ||
                                  net::can_require<Executor, net::execution::blocking_t::never_t>::value;

/// Runs function on executor, never within this call: where executor cannot promise that, in a turn of native.
template <typename Native, typename Executor, typename Function>
void post_by_way_of(const Native& native, const Executor& executor, Function&& function) {
    if constexpr (can_defer<Executor>) {
        static_cast<void>(native);
        net::post(executor, std::forward<Function>(function));
    } else {
        net::post(native, [work = net::executor_work_guard<Executor>{executor},
                           function = std::forward<Function>(function)]() mutable {
            net::dispatch(work.get_executor(), std::move(function));
        });
    }
}

/// Calls handler on its executor, or on native if it has none, never within this call: as complete(std::move(handler)),
/// which says with what. For an operation that has not become one.
template <typename Native, typename Handler, typename Complete>
void post_completion(const Native& native, Handler& handler, Complete&& complete) {
    // Named first: the lambda takes handler away.
    const auto associated = net::get_associated_executor(handler, native);
    post_by_way_of(native, associated,
                   [handler = std::move(handler), complete = std::forward<Complete>(complete)]() mutable {
                       complete(std::move(handler));
                   });
}

/// net::post, with a short cut to the strand of a worker whose executor any_io_executor hides: a coroutine there waits.
template <typename Executor, typename Function>
void post_on(const Executor& executor, Function&& function) {
    if constexpr (std::is_same_v<Executor, net::any_io_executor> && requires { executor.target_type(); }) {
        using Worker = WorkerExecutor<Executor>;
        if (executor.target_type() == typeid(Worker)) {  // target() alone does not look at the type in some Asios
            return execute_on(executor.template target<Worker>()->strand(), std::forward<Function>(function));
        }
    }
    net::post(executor, std::forward<Function>(function));
}

/// An operation that this thread is handing over to an executor: which may fail, so that it has to be tried again, or
/// call the handler at once, or drop it.
struct HandOverInProgress {
    /// Null once the handler is being called.
    const Task* operation;
    bool dropped = false;
    HandOverInProgress* outer;

    explicit HandOverInProgress(const Task* handed_over) noexcept
        : operation{handed_over}, outer{std::exchange(innermost, this)} {}
    HandOverInProgress(const HandOverInProgress&) = delete;
    HandOverInProgress& operator=(const HandOverInProgress&) = delete;
    ~HandOverInProgress() { innermost = outer; }

    static bool concerns(const Task* operation) noexcept {
        return innermost != nullptr && innermost->operation == operation;
    }

    static inline constinit thread_local HandOverInProgress* innermost = nullptr;
};

/// How operations are handed over to executors of type To, whatever their handlers are, and whoever else they have.
template <typename Native, typename To>
class HandOver {
    using Operation = AnyOperation<Native>;

  public:
    // With the handler's allocator, or if that fails with the heap's until it does not.

    /// Has operation invoked on executor, at once if this is one of its threads.
    template <typename Allocator>
    static void dispatch(Operation& operation, const To& executor, const Allocator& allocator);

    /// Has operation invoked on executor, later.
    template <typename Allocator>
    static void post(Operation& operation, const To& executor, const Allocator& allocator);

    /// Has operation run on executor, later.
    template <typename Allocator>
    static void post_run(Operation& operation, const To& executor, const Allocator& allocator) {
        hand_over<Then::run>(operation, allocator, [&](auto delivery) { net::post(executor, std::move(delivery)); });
    }

  private:
    enum class Then : bool { invoke, run };

    /// Owns the operation on its way to an executor, once it is handed over, and continues it there. Brings the
    /// handler's allocator with it, or std::allocator.
    template <Then then, typename Allocator>
    class Delivery {
      public:
        using allocator_type = Allocator;

        Delivery(Operation* operation, const Allocator& allocator) noexcept
            : operation_{operation}, allocator_{allocator} {}
        Delivery(Delivery&& other) noexcept
            : operation_{std::exchange(other.operation_, nullptr)}, allocator_{other.allocator_} {}
        Delivery& operator=(Delivery&&) = delete;
        ~Delivery() {
            if (operation_ == nullptr) {
                return;
            }
            if (HandOverInProgress::concerns(operation_)) {
                HandOverInProgress::innermost->dropped = true;
            } else {
                operation_->destroy();
            }
        }

        allocator_type get_allocator() const noexcept { return allocator_; }

        void operator()() {
            if (HandOverInProgress::concerns(operation_)) {
                HandOverInProgress::innermost->operation = nullptr;
            }
            Operation& operation = *std::exchange(operation_, nullptr);
            if constexpr (then == Then::invoke) {
                operation.invoke();
            } else {
                operation.run();
            }
        }

      private:
        Operation* operation_;
        [[no_unique_address]] Allocator allocator_;
    };

    template <Then then, typename Allocator, typename Give>
    static void hand_over(Operation& operation, const Allocator& allocator, const Give& give) {
        if (!try_hand_over<then>(operation, allocator, give)) {
            while (!try_hand_over<then>(operation, std::allocator<void>{}, give)) {
                std::this_thread::yield();
            }
        }
    }

    /// False when the executor has no memory for it: the operation is still here.
    template <Then then, typename Allocator, typename Give>
    static bool try_hand_over(Operation& operation, const Allocator& allocator, const Give& give) {
        HandOverInProgress handover{&operation};
        try {
            give(Delivery<then, Allocator>{&operation, allocator});
        } catch (const std::bad_alloc&) {
            if (handover.operation == nullptr) {
                throw;  // by the handler
            }
            return false;
        }
        if (handover.dropped) {
            operation.destroy();
        }
        return true;
    }
};

template <typename Native, typename To>
template <typename Allocator>
DISPATCH_BORDER void HandOver<Native, To>::dispatch(Operation& operation, const To& executor,
                                                    const Allocator& allocator) {
    hand_over<Then::invoke>(operation, allocator, [&](auto delivery) { net::dispatch(executor, std::move(delivery)); });
}

template <typename Native, typename To>
template <typename Allocator>
DISPATCH_BORDER void HandOver<Native, To>::post(Operation& operation, const To& executor, const Allocator& allocator) {
    hand_over<Then::invoke>(operation, allocator, [&](auto delivery) { post_on(executor, std::move(delivery)); });
}

#if defined(DISPATCH_SEPARATE_COMPILATION) && !defined(DISPATCH_SOURCE)
extern template void HandOver<net::any_io_executor, net::any_io_executor>::dispatch(AnyOperation<net::any_io_executor>&,
                                                                                    const net::any_io_executor&,
                                                                                    const std::allocator<void>&);
extern template void HandOver<net::any_io_executor, net::any_io_executor>::post(AnyOperation<net::any_io_executor>&,
                                                                                const net::any_io_executor&,
                                                                                const std::allocator<void>&);
#endif

/// An operation with its handler. native is the executor that handlers without one of their own use. A handler whose
/// executor cannot defer is given to it in a turn of native: that may call the handler at once.
template <typename Base, typename Handler, typename Executor>
class HandlerOperation final : public Base {
  public:
    /// A node with tail_size bytes of room behind it. Where it throws, handler is unchanged.
    template <typename... BaseArgs>
    static HandlerOperation* make(Handler& handler, const Executor& native, Memory memory, std::size_t tail_size,
                                  BaseArgs&&... base_args) {
        void* const place = allocate(handler, memory, tail_size);
        try {
            std::byte* const tail = static_cast<std::byte*>(place) + sizeof(HandlerOperation);
            return ::new (place)
                HandlerOperation{handler, native, memory, tail_size, tail, std::forward<BaseArgs>(base_args)...};
        } catch (...) {
            if (recycles(memory)) {
                NodeMemory<HandlerOperation>::deallocate(place, tail_size);
            } else {
                deallocate(net::get_associated_allocator(handler), place, tail_size);
            }
            throw;
        }
    }

    void run() override {
        if (work_) {
            return run_elsewhere();
        }
        invoke();
    }

    void post(const Executor& native) noexcept override {
        if constexpr (can_defer<Associated>) {
            const Associated executor = net::get_associated_executor(handler_, native);
            HandOver<Executor, Associated>::post(*this, executor, delivery_allocator());
        } else {
            HandOver<Executor, Executor>::post_run(*this, native, delivery_allocator());
        }
    }

    void destroy() noexcept override {
        if (recycles(memory_)) {
            // A job with a deadline has two owners, and the handler is for the one that answers.
            release(handler_);
        } else {
            // The allocator may live in the handler, so the handler goes last.
            const Handler handler{std::move(handler_)};
            release(handler);
        }
    }

    /// On the handler's executor.
    void invoke() override {
        if (auto slot = cancellation_slot(); slot.is_connected()) {
            slot.clear();
        }
        this->retire();
        if constexpr (is_std_allocator<Allocator>) {
            if (!this->is_shared()) {
                const std::unique_ptr<HandlerOperation, DestroyOperation> self{this};
                return std::move(*this->result).pass_to(std::move(handler_));
            }
        }
        Handler handler{std::move(handler_)};
        auto outcome = this->result->take();
        work_.reset();
        detour_work_.reset();
        release(handler);
        std::move(outcome).pass_to(std::move(handler));
    }

    auto cancellation_slot() const noexcept { return net::get_associated_cancellation_slot(handler_); }

  private:
    using Allocator = net::associated_allocator_t<Handler>;
    using Associated = net::associated_executor_t<Handler, Executor>;

    struct NoWork {
        explicit NoWork(const Executor& /*native*/) noexcept {}
        void reset() noexcept {}
    };
    /// What passes through native must not find it out of work.
    using DetourWork = std::conditional_t<can_defer<Associated> || Base::native_is_kept_busy, NoWork,
                                          net::executor_work_guard<Executor>>;

    /// On the handler's executor, which is not the native one.
    [[gnu::noinline]] void run_elsewhere() {
        const Associated executor = work_->get_executor();
        HandOver<Executor, Associated>::dispatch(*this, executor, delivery_allocator());
    }

    auto delivery_allocator() const noexcept {
        if constexpr (is_std_allocator<Allocator>) {
            return std::allocator<void>{};
        } else {
            return net::get_associated_allocator(handler_);
        }
    }

    using Unit = AlignedUnit<std::max(alignof(Base), alignof(Handler))>;
    using UnitTraits = typename std::allocator_traits<Allocator>::template rebind_traits<Unit>;
    using UnitAllocator = typename UnitTraits::allocator_type;

    /// What may throw comes first; the handler is moved last, and that does not throw.
    template <typename... BaseArgs>
    HandlerOperation(Handler& handler, const Executor& native, Memory memory, std::size_t tail_size, std::byte* tail,
                     BaseArgs&&... base_args)
        : Base{tail, std::forward<BaseArgs>(base_args)...},
          memory_{memory},
          tail_size_{tail_size},
          work_{foreign_work(net::get_associated_executor(handler, native), native)},
          detour_work_{native},
          handler_{std::move(handler)} {}

    ~HandlerOperation() = default;

    /// While the operation lasts, the handler's executor must not run out of work. The native one does
    /// not where the operation's owner sees to that.
    static std::optional<net::executor_work_guard<Associated>> foreign_work(const Associated& associated,
                                                                            const Executor& native) {
        if constexpr (std::is_same_v<Associated, Executor> && Base::native_is_kept_busy) {
            if (associated == native) {
                return std::nullopt;
            }
        } else {
            static_cast<void>(native);
        }
        return net::executor_work_guard<Associated>{associated};
    }

    /// handler is where the handler is now: here, or moved out.
    void release(const Handler& handler) noexcept {
        if (!this->end()) {
            return;
        }
        const std::size_t tail_size = tail_size_;
        if (recycles(memory_)) {
            this->~HandlerOperation();
            NodeMemory<HandlerOperation>::deallocate(this, tail_size);
        } else {
            const Allocator allocator = net::get_associated_allocator(handler);
            this->~HandlerOperation();
            deallocate(allocator, this, tail_size);
        }
    }

    static constexpr bool recycles(Memory memory) noexcept {
        return memory == Memory::detached || is_std_allocator<Allocator>;
    }

    static void* allocate(const Handler& handler, Memory memory, std::size_t tail_size) {
        if (!recycles(memory)) {
            UnitAllocator allocator{net::get_associated_allocator(handler)};
            return std::to_address(UnitTraits::allocate(allocator, units(tail_size)));
        }
        return NodeMemory<HandlerOperation>::allocate(tail_size);
    }

    static void deallocate(const Allocator& of_handler, void* place, std::size_t tail_size) noexcept {
        UnitAllocator allocator{of_handler};
        using Pointer = typename UnitTraits::pointer;
        UnitTraits::deallocate(allocator, std::pointer_traits<Pointer>::pointer_to(*static_cast<Unit*>(place)),
                               units(tail_size));
    }

    static std::size_t units(std::size_t tail_size) noexcept {
        return (sizeof(HandlerOperation) + tail_size + sizeof(Unit) - 1) / sizeof(Unit);
    }

    const Memory memory_;
    const std::size_t tail_size_;
    std::optional<net::executor_work_guard<Associated>> work_;
    [[no_unique_address]] DetourWork detour_work_;
    Handler handler_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_REPLY_OPERATION_HPP
