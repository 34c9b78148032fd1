// SPDX-License-Identifier: Apache-2.0
//
// What can fail does, once and at each place in turn: allocations, moves of requests and responses, copies
// of handlers and policies. Whatever that hits, every submit is answered, nothing leaks, and the pool goes on.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

#include "../support/asio.hpp"
#include "../support/operator_new.hpp"
#include "../support/pool_fixture.hpp"

namespace {

/// Allocations of this thread that succeed before one fails; negative: all do.
thread_local int allocations_left = -1;

/// The same of those by which Asio makes coroutine frames.
thread_local int frames_left = -1;

/// What has been allocated and not freed.
std::atomic<long> live_blocks{0};

}  // namespace

#if !defined(SANITIZER_OWNS_OPERATOR_NEW)

namespace {

template <typename Allocate>
void* allocate(Allocate allocate) {
    if (allocations_left >= 0 && allocations_left-- == 0) {
        throw std::bad_alloc{};
    }
    if (void* const memory = allocate()) {
        ++live_blocks;
        return memory;
    }
    throw std::bad_alloc{};
}

}  // namespace

// Not inline: GCC 12 takes malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    return allocate([size] { return std::malloc(size); });
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate([=]() -> void* {
        void* memory = nullptr;
        return posix_memalign(&memory, static_cast<std::size_t>(alignment), size) == 0 ? memory : nullptr;
    });
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    live_blocks -= memory != nullptr ? 1 : 0;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { operator delete(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { operator delete(memory); }

// The address sanitizer has one of its own.
#if !defined(DISPATCH_ADDRESS_SANITIZER)
#define FRAMES_CAN_FAIL 1

extern "C" {
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return frames_left >= 0 && frames_left-- == 0 ? nullptr : __libc_memalign(alignment, size);
}
}

#endif

#endif

namespace {

namespace net = dispatch::net;
using dispatch::errc;
using test::Outcome;

/// Starts no operation of Asio's: any_io_executor ends the program where it has no memory (Asio 1.22).
net::awaitable<int> echo(int value) { co_return value; }

class Allocations : public test::PoolFixture<int, int> {
  protected:
    void SetUp() override {
#if defined(SANITIZER_OWNS_OPERATOR_NEW)
        GTEST_SKIP() << "operator new cannot be made to fail";
#endif
    }

    /// Runs scenario(), with its first allocation failing, then its second, and so on until all succeed.
    void fail_each(const std::function<void()>& prepare, const std::function<void()>& scenario,
                   const std::function<void()>& check) {
        int failure = 0;
        for (bool failed = true; failed; ++failure) {
            SCOPED_TRACE("allocation " + std::to_string(failure));
            prepare();
            allocations_left = failure;
            scenario();
            failed = allocations_left < 0;
            allocations_left = -1;
            check();
            test::expect_idle(*pool);
        }
        EXPECT_GT(failure, 1) << "nothing was allocated";
    }

    /// Heard once: the response, or that there was no memory.
    static void expect_answered(const Outcome<int>& outcome) {
        EXPECT_EQ(outcome.calls(), 1);
        if (outcome.error()) {
            EXPECT_TRUE(test::is_error<std::bad_alloc>(outcome.error(), std::bad_alloc{}.what()));
        }
    }
};

TEST_F(Allocations, AnIdleWorkerIsWokenOrTheSubmitterToldWhyNot) {
    std::optional<Outcome<int>> first, next;
    fail_each(
        [&] {
            make_pool(1, echo);
            poll();
            first.emplace();
            next.emplace();
        },
        [&] { pool->submit(std::nullopt, 1, first->handler()); },
        [&] {
            pool->submit(std::nullopt, 2, next->handler());
            poll();
            expect_answered(*first);
            EXPECT_TRUE(next->returned(2)) << "the worker goes on";
        });
}

TEST_F(Allocations, AnObserverSeesTheEndOfWhatWasRouted) {
    struct Counts {
        int accepted = 0, started = 0, finished = 0, dropped = 0;
    };
    struct Counter {
        Counts* counts;
        void routed(const dispatch::RoutedEvent& event) noexcept { counts->accepted += event.accepted ? 1 : 0; }
        void started(const dispatch::StartedEvent&) noexcept { ++counts->started; }
        void finished(const dispatch::FinishedEvent&) noexcept { ++counts->finished; }
        void dropped(const dispatch::DroppedEvent& event) noexcept {
            EXPECT_EQ(event.why, std::errc::not_enough_memory);
            ++counts->dropped;
        }
    };
    int dropped = 0;
    bool failed = true;
    for (int failure = 0; failed; ++failure) {
        Counts counts;
        net::io_context own_context;
        dispatch::WorkerPool<int, int, dispatch::Observed<Counter>> observed{
            dispatch::spawn_workers<int, int>(own_context.get_executor(), 1, echo, {}, Counter{&counts}),
            {},
            dispatch::Observed{Counter{&counts}}};
        own_context.poll();
        own_context.restart();
        Outcome<int> outcome;
        // In a thread that has no memory of earlier jobs to recycle.
        std::thread{[&] {
            allocations_left = failure;
            observed.submit(std::nullopt, 1, outcome.handler());
            failed = allocations_left < 0;
            allocations_left = -1;
        }}.join();
        own_context.poll();
        expect_answered(outcome);
        EXPECT_EQ(counts.accepted, counts.finished + counts.dropped);
        EXPECT_EQ(counts.started, counts.finished);
        dropped += counts.dropped;
    }
    EXPECT_GT(dropped, 0) << "no failure was between the route and the worker";
}

TEST_F(Allocations, StopAnswersEverybody) {
    std::vector<Outcome<int>> outcomes;
    fail_each(
        [&] {
            make_pool(1, echo, {.max_concurrency = 1});
            poll();
            outcomes = std::vector<Outcome<int>>(4);
            for (Outcome<int>& outcome : outcomes) {
                pool->submit(std::nullopt, 1, outcome.handler());
            }
        },
        [&] { pool->stop(); },
        [&] {
            poll();
            for (const Outcome<int>& outcome : outcomes) {
                EXPECT_TRUE(outcome.heard(errc::stopped));
            }
        });
}

/// A job of 1 submits one of 2 and waits for it: for that the worker has to add a lane. 0: it does, though one
/// allocation of those that left counts has failed; 1: it does not; 2: so many there are not.
int nested_job_without_one_allocation(int& left, int failure) {
    net::io_context io;
    std::optional<dispatch::WorkerPool<int, int>> pool;
    std::optional<net::steady_timer> timer;
    Outcome<int> outer;
    pool.emplace(dispatch::spawn_workers<int, int>(
        io.get_executor(), 1,
        [&](int job) -> net::awaitable<int> {
            if (job == 2) {
                co_return 2;
            }
            timer.emplace(co_await net::this_coro::executor, std::chrono::steady_clock::time_point::max());
            dispatch::detail::net_error error;
            co_await timer->async_wait(net::redirect_error(net::use_awaitable, error));
            co_return co_await pool->submit(std::nullopt, 2, net::use_awaitable);
        },
        {.max_concurrency = 2}));
    pool->submit(std::nullopt, 1, outer.handler());
    test::poll(io);
    timer->cancel();
    left = failure;
    try {
        test::poll(io);
    } catch (const std::bad_alloc&) {
        // There was no memory for what the timer does when it ends: Asio destroys the handler's coroutine.
    }
    const bool failed = left < 0;
    left = -1;
    test::poll(io);
    if (outer.calls() != 1) {
        return 1;
    }
    return failed ? 0 : 2;
}

TEST_F(Allocations, ALaneIsAddedAsSoonAsThereIsMemoryAgain) {
    // In a process of its own each: where Asio has no memory in a function that must not throw, it ends the program.
    [[maybe_unused]] int held = 0;
    for (int* const left : {&allocations_left, &frames_left}) {
        int outcome = 0;
        for (int failure = 0; outcome != 2; ++failure) {
            std::fflush(nullptr);
            const pid_t child = fork();
            ASSERT_GE(child, 0);
            if (child == 0) {
                close(STDERR_FILENO);
                _exit(nested_job_without_one_allocation(*left, failure));
            }
            int status = 0;
            ASSERT_EQ(waitpid(child, &status, 0), child);
            outcome = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            ASSERT_NE(outcome, 1) << "allocation " << failure << ": the job that was accepted is not run";
            held += outcome == 0 ? 1 : 0;
        }
    }
#if defined(FRAMES_CAN_FAIL)
    EXPECT_GE(held, 3);
#endif
}

TEST_F(Allocations, DeadlinesAreKept) {
    std::vector<Outcome<int>> outcomes;
    const auto submit_with = [&](std::chrono::milliseconds time) {
        make_pool(1,
                  [gate = gate](int value) -> net::awaitable<int> {
                      co_await gate.pass();
                      co_return value;
                  },
                  {.max_concurrency = 1});
        poll();
        outcomes = std::vector<Outcome<int>>(3);
        const auto now = std::chrono::steady_clock::now();
        for (Outcome<int>& outcome : outcomes) {
            pool->submit({.deadline = now + time}, 1, outcome.handler());
        }
        poll();
    };
    const auto none_has_ended = [&] {
        return std::ranges::all_of(outcomes, [](const Outcome<int>& outcome) { return outcome.calls() == 0; });
    };
    fail_each(
        [&] {
            // Before their deadlines, however slow the machine is.
            std::chrono::milliseconds time{5};
            for (submit_with(time); !none_has_ended(); submit_with(time)) {
                time *= 2;
            }
        },
        [&] { test::run_until(*context, [&] { return outcomes.back().calls() != 0; }); },
        [&] {
            poll();
            for (const Outcome<int>& outcome : outcomes) {
                EXPECT_EQ(outcome.calls(), 1);
            }
        });
}

// ---------------------------------------------------------------------------------------------------
// From a pool's first job to its end.

/// Lets one allocation of what it runs fail.
class Injection {
  public:
    explicit Injection(int successes) noexcept : left_{successes} {}

    /// True when step ran to its end.
    template <typename Step>
    bool operator()(Step&& step) {
        bool done = false;
        allocations_left = left_;
        try {
            step();
            done = true;
        } catch (const std::bad_alloc&) {
            // what this is about
        }
        left_ = std::exchange(allocations_left, -1);
        return done;
    }

    bool happened() const noexcept { return left_ < 0; }

  private:
    int left_;
};

/// An allocator that is none of the standard library's, so that the library must not take it for one.
template <typename T>
struct OwnAllocator {
    using value_type = T;

    OwnAllocator() = default;
    template <typename U>
    OwnAllocator(const OwnAllocator<U>& /*other*/) noexcept {}

    T* allocate(std::size_t n) { return std::allocator<T>{}.allocate(n); }
    void deallocate(T* memory, std::size_t n) noexcept { std::allocator<T>{}.deallocate(memory, n); }

    friend bool operator==(const OwnAllocator&, const OwnAllocator&) noexcept { return true; }
    friend bool operator!=(const OwnAllocator&, const OwnAllocator&) noexcept { return false; }
};

template <typename Completion>
struct Allocating {
    using allocator_type = OwnAllocator<void>;

    Completion completion;

    allocator_type get_allocator() const noexcept { return {}; }
    void operator()(std::exception_ptr error, int value) { completion(std::move(error), value); }
};
template <typename Completion>
Allocating(Completion) -> Allocating<Completion>;

/// live(inject) with each of its allocations failing in turn. In a thread of its own for each failure: when it ends, so
/// do the blocks that it kept for reuse.
template <typename Live>
void fail_each(Live&& live) {
#if defined(SANITIZER_OWNS_OPERATOR_NEW)
    GTEST_SKIP() << "operator new cannot be made to fail";
#endif
    int failure = 0;
    for (bool happened = true; happened && !testing::Test::HasFailure(); ++failure) {
        const long before = live_blocks;
        std::thread{[&] {
            SCOPED_TRACE("allocation " + std::to_string(failure));
            Injection inject{failure};
            live(inject);
            happened = inject.happened();
        }}.join();
        EXPECT_EQ(live_blocks - before, 0) << "leaked by the failure of allocation " << failure;
    }
    EXPECT_GT(failure, 30);
}

void finish(net::io_context& context, Injection& inject) {
    context.restart();
    while (!inject([&] { context.poll(); })) {
    }
}

/// What of Asio ends the program where it has no memory (1.22) is kept out of it: any_io_executor, by using
/// types; strands and co_spawn, by having the workers made before.
struct Life {
    using Executor = net::io_context::executor_type;
    using Pool = dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor>;
    using Handles = std::vector<dispatch::WorkerHandle<int, int, Executor>>;

    template <typename Handler>
    static void run(Injection& inject, Handler handler, dispatch::PoolOptions options) {
        net::io_context context;
        const Handles workers = dispatch::spawn_workers<int, int, Executor>(
            context.get_executor(), 2, handler, {.max_concurrency = 2, .queue_capacity = 2});
        context.poll();
        std::optional<Pool> pool;
        if (!inject([&] { pool.emplace(workers, options); })) {
            ASSERT_FALSE(pool);
            pool.emplace(workers, options);  // they are still part of none
        }
        std::array<Outcome<int>, 15> outcomes;
        net::cancellation_signal cancel;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::hours{1};
        for (int i = 0; i != static_cast<int>(outcomes.size()); ++i) {
            auto completion = outcomes[static_cast<std::size_t>(i)].handler();
            const std::string session = "session-" + std::to_string(i / 2);
            inject([&] {
                switch (i % 5) {
                    case 0:
                        return pool->submit(session, i, std::move(completion));
                    case 1:
                        return pool->try_submit(std::nullopt, i, std::move(completion));
                    case 2:
                        return pool->submit({.session = session, .deadline = deadline}, i, std::move(completion));
                    case 3:
                        return pool->submit(session, i, Allocating{std::move(completion)});
                    default:
                        return pool->submit(std::nullopt, i,
                                            net::bind_cancellation_slot(cancel.slot(), std::move(completion)));
                }
            });
            if (i % 6 == 5) {
                inject([&] { context.poll(); });
            }
        }
        inject([&] { cancel.emit(net::cancellation_type::all); });
        finish(context, inject);
        std::size_t succeeded = 0;
        for (int i = 0; i != static_cast<int>(outcomes.size()); ++i) {
            const Outcome<int>& outcome = outcomes[static_cast<std::size_t>(i)];
            EXPECT_EQ(outcome.calls(), 1) << "submit " << i;
            EXPECT_FALSE(outcome.pending()) << "submit " << i;
            succeeded += outcome.returned(i) ? 1 : 0;
            EXPECT_TRUE(outcome.returned(i) || outcome.heard(test::aborted()) || outcome.heard(errc::queue_full) ||
                        test::is_error<std::bad_alloc>(outcome.error(), std::bad_alloc{}.what()))
                << "submit " << i;
        }
        EXPECT_GT(succeeded, 5U);
        test::expect_idle(*pool);

        Outcome<int> after;
        pool->submit(std::nullopt, 7, after.handler());
        test::poll(context);
        EXPECT_TRUE(after.returned(7)) << "the pool goes on";

        int drained = 0;
        const auto drain = [&] {
            pool->drain([&](const std::exception_ptr& error, const dispatch::Ledger& ledger) {
                ++drained;
                EXPECT_EQ(error, nullptr);
                EXPECT_EQ(ledger.submitted, test::endings(ledger));
            });
        };
        if (!inject(drain)) {
            drain();
        }
        finish(context, inject);
        EXPECT_EQ(drained, 1);
        inject([&] { pool->stop(); });
        inject([&] { pool.reset(); });
        finish(context, inject);
    }

    template <typename Handler>
    static void fail_each_allocation(Handler handler, const dispatch::PoolOptions& options) {
        fail_each([&](Injection& inject) { run(inject, handler, options); });
    }
};

TEST(WholeLife, OfCoroutines) {
    Life::fail_each_allocation(
        [](int value) -> net::awaitable<int, dispatch::WorkerExecutor<Life::Executor>> { co_return value; },
        {.affinity_ttl = std::chrono::hours{1}});
}

TEST(WholeLife, OfPlainFunctions) {
    Life::fail_each_allocation([](int value) { return value; }, {.affinity_ttl = std::chrono::hours{1}});
}

TEST(WholeLife, OfAFullPool) {
    Life::fail_each_allocation([](int value) { return value; }, {.overflow = dispatch::Overflow::reject});
}

/// The same for streams: whatever fails, what was written is read, in order and to the end.
class StreamLife {
    using Executor = net::io_context::executor_type;
    using WorkerExecutor = dispatch::WorkerExecutor<Executor>;
    using Writer = dispatch::Writer<int, WorkerExecutor>;
    using Stream = dispatch::Stream<int>;
    using Pool = dispatch::WorkerPool<int, Stream, dispatch::LeastLoaded, Executor>;

  public:
    explicit StreamLife(Injection& inject) : inject_{inject} {
        context_.poll();
        for (int i = 0; i != 4; ++i) {
            live(i);
        }
        test::expect_idle(pool_);
        if (std::optional<Stream> after = submit(0, false)) {
            read_on(*after, false);
        }
    }

  private:
    static constexpr int parts = 6;

    template <typename Value>
    struct Heard {
        int calls = 0;
        std::exception_ptr error;
        Value value;
    };

    /// Has an allocator, of which nothing is kept for reuse.
    template <typename Value>
    struct Handler {
        using executor_type = Executor;
        using allocator_type = OwnAllocator<void>;

        Heard<Value>* heard;
        Executor executor;

        executor_type get_executor() const noexcept { return executor; }
        allocator_type get_allocator() const noexcept { return {}; }
        void operator()(std::exception_ptr error, Value value) {
            ++heard->calls;
            heard->error = std::move(error);
            heard->value = std::move(value);
        }
    };

    template <typename Value>
    Handler<Value> handler(Heard<Value>& heard) {
        return {&heard, context_.get_executor()};
    }

    static bool is_no_memory(const test::net_error& error) { return error == test::net_error{net::error::no_memory}; }

    /// Awaits its writes if request is even, or else only the last one; and ends with an error if it is 2 or 3.
    net::awaitable<void, WorkerExecutor> handle(int request, Writer& out) {
        for (int part = 0; part != parts; ++part) {
            if (request % 2 == 0 || part == parts - 1) {
                test::net_error error;
                do {
                    co_await out.write(part, net::redirect_error(net::use_awaitable_t<WorkerExecutor>{}, error));
                } while (is_no_memory(error));
            } else {
                const WorkerExecutor executor = co_await net::this_coro::executor;
                out.write(part, net::bind_executor(executor, [this, part](const test::net_error& error) {
                              if (is_no_memory(error)) {
                                  missing_.push_back(part);
                              }
                          }));
            }
        }
        if (request >= 2) {
            throw std::bad_optional_access{};  // needs no memory
        }
    }

    void live(int request) {
        if (std::optional<Stream> stream = submit(request, true)) {
            read_on(*stream, request >= 2);
        }
        // Another one is given up on the way.
        if (std::optional<Stream> stream = submit(request, true)) {
            give_up(*stream);
            EXPECT_TRUE(inject_([&] { stream.reset(); }));
        }
        finish(context_, inject_);
    }

    std::optional<Stream> submit(int request, bool injects) {
        missing_.clear();
        Heard<Stream> heard;
        auto completion = handler(heard);
        if (injects) {
            inject_([&] { pool_.submit(std::nullopt, request, std::move(completion)); });
        } else {
            pool_.submit(std::nullopt, request, std::move(completion));
        }
        finish(context_, inject_);
        EXPECT_EQ(heard.calls, 1);
        if (heard.error) {
            EXPECT_TRUE(injects && is_bad_alloc(heard.error));
            return {};
        }
        return std::move(heard.value);
    }

    void read_on(Stream& stream, bool fails) {
        for (int part = 0;;) {
            Heard<std::optional<int>> heard;
            inject_([&] { stream.next(handler(heard)); });
            finish(context_, inject_);
            ASSERT_EQ(heard.calls, 1) << "part " << part;
            if (is_bad_alloc(heard.error)) {
                continue;  // nothing has been read
            }
            while (std::count(missing_.begin(), missing_.end(), part) != 0) {
                ++part;
            }
            if (part == parts) {
                EXPECT_FALSE(heard.value);
                EXPECT_EQ(test::is_error<std::bad_optional_access>(heard.error, std::bad_optional_access{}.what()),
                          fails);
                return;
            }
            ASSERT_EQ(heard.value, part);
            ++part;
        }
    }

    /// Reads until it has to wait, and cancels that.
    void give_up(Stream& stream) {
        while (stream.try_next()) {
        }
        net::cancellation_signal signal;
        Heard<std::optional<int>> heard;
        inject_([&] { stream.next(net::bind_cancellation_slot(signal.slot(), handler(heard))); });
        inject_([&] { signal.emit(net::cancellation_type::total); });
        finish(context_, inject_);
        EXPECT_EQ(heard.calls, 1);
    }

    static bool is_bad_alloc(const std::exception_ptr& error) {
        return test::is_error<std::bad_alloc>(error, std::bad_alloc{}.what());
    }

    Injection& inject_;
    net::io_context context_;
    /// The parts for whose writes there was no memory.
    std::vector<int> missing_;
    Pool pool_{dispatch::spawn_workers<int, Stream, Executor>(
                   context_.get_executor(), 1, [this](int request, Writer& out) { return handle(request, out); },
                   {.max_concurrency = 2}),
               {.stream_buffer = 2}};
};

TEST(WholeLife, OfStreams) {
    fail_each([](Injection& inject) { StreamLife{inject}; });
}

/// What a completion handler throws leaves run(), with a stream as with a value.
TEST(Throwing, TheCompletionHandlersOfAStream) {
    using Pool = dispatch::WorkerPool<int, dispatch::Stream<int>>;
    net::io_context context;
    Pool pool{dispatch::spawn_workers(context.get_executor(), 1,
                                      [](int parts, dispatch::Writer<int>& out) -> net::awaitable<void> {
                                          for (int part = 0; part != parts; ++part) {
                                              co_await out.write(part);
                                          }
                                          co_await net::post(net::use_awaitable);
                                      })};
    const auto throws = [](const std::exception_ptr& /*error*/, auto&& /*value*/) {
        throw std::runtime_error{"the submitter's"};
    };
    pool.submit(std::nullopt, 0, throws);
    EXPECT_THROW(test::poll(context), std::runtime_error) << "without a part";
    pool.submit(std::nullopt, 1, throws);
    EXPECT_THROW(test::poll(context), std::runtime_error) << "with the first part";
    test::poll(context);

    std::optional<dispatch::Stream<int>> stream;
    pool.submit(std::nullopt, 1, [&](const std::exception_ptr& /*error*/, dispatch::Stream<int> opened) {
        stream = std::move(opened);
        EXPECT_TRUE(stream->try_next());
        stream->next(throws);
    });
    EXPECT_THROW(test::poll(context), std::runtime_error) << "at the end";
    test::poll(context);
    test::expect_idle(pool);
}

// ---------------------------------------------------------------------------------------------------
// Moves and copies.

/// Throws when it is moved or copied for the n-th time from now.
class Fragile {
  public:
    static inline int touches_left = -1;
    static inline int live = 0;

    Fragile() noexcept { ++live; }
    Fragile(Fragile&&) : Fragile{touched()} {}
    Fragile(const Fragile&) : Fragile{touched()} {}
    Fragile& operator=(Fragile&&) {
        touched();
        return *this;
    }
    Fragile& operator=(const Fragile&) = delete;
    ~Fragile() { --live; }

    static bool is_broken(const std::exception_ptr& error) {
        return test::is_error<std::runtime_error>(error, "broken on the way");
    }

  private:
    struct Touched {};
    static Touched touched() {
        if (touches_left >= 0 && touches_left-- == 0) {
            throw std::runtime_error{"broken on the way"};
        }
        return {};
    }
    explicit Fragile(Touched /*touched*/) noexcept { ++live; }
};

class Moves : public testing::Test {
  protected:
    using Pool = dispatch::WorkerPool<Fragile, Fragile>;

    /// However far it comes: the caller hears of it, and nothing stays on the books.
    template <typename Handler>
    void fail_each_move(Handler handler, const dispatch::SubmitOptions& options) {
        int heard = 0;
        bool broken = true;
        for (int move = 0; broken; ++move) {
            SCOPED_TRACE("move " + std::to_string(move));
            ASSERT_LT(move, 100);
            Pool pool{dispatch::spawn_workers<Fragile, Fragile>(context.get_executor(), 1, handler)};
            Fragile::touches_left = move;
            int calls = 0;
            bool failed = false;
            // By reference: nothing is moved but what the pool itself moves.
            const auto completion = [&](const std::exception_ptr& error, const Fragile&) {
                ++calls;
                failed = error != nullptr;
                EXPECT_TRUE(!error || Fragile::is_broken(error));
            };
            EXPECT_NO_THROW(pool.submit(options, Fragile{}, completion));
            EXPECT_EQ(calls, 0);
            EXPECT_NO_THROW(test::poll(context));
            EXPECT_EQ(calls, 1);
            heard += failed ? 1 : 0;
            broken = Fragile::touches_left < 0;
            Fragile::touches_left = -1;
            test::expect_idle(pool);
            pool.submit(options, Fragile{}, [&](const std::exception_ptr& error, const Fragile&) {
                EXPECT_EQ(error, nullptr) << "the pool goes on";
                calls = 100;
            });
            test::poll(context);
            EXPECT_EQ(calls, 100);
        }
        test::poll(context);
        EXPECT_EQ(Fragile::live, 0);
        EXPECT_GT(heard, 0);
    }

    net::io_context context;
};

TEST_F(Moves, OfACoroutinesRequestAndResponse) {
    fail_each_move([](Fragile) -> net::awaitable<Fragile> { co_return Fragile{}; }, {.session = "s"});
}

TEST_F(Moves, OfAPlainFunctionsRequestAndResponse) {
    fail_each_move([](Fragile) { return Fragile{}; }, {.session = "s"});
}

TEST_F(Moves, WithADeadline) {
    fail_each_move([](Fragile) -> net::awaitable<Fragile> { co_return Fragile{}; },
                   {.deadline = std::chrono::steady_clock::now() + std::chrono::hours{1}});
}

TEST(Copies, AHandlerThatCannotBeCopiedOnceMoreMakesNoWorkers) {
    net::io_context context;
    struct Handler {
        Fragile part{};
        int operator()(int value) const { return value; }
    };
    int failures = 0;
    for (bool broken = true; broken; ++failures) {
        ASSERT_LT(failures, 100);
        Fragile::touches_left = failures;
        try {
            const auto workers = dispatch::spawn_workers<int, int>(context.get_executor(), 3, Handler{});
            EXPECT_EQ(workers.size(), 3U);
        } catch (const std::runtime_error&) {
        }
        broken = Fragile::touches_left < 0;
        Fragile::touches_left = -1;
        test::poll(context);
        EXPECT_EQ(Fragile::live, 0) << "copy " << failures;
    }
    EXPECT_GT(failures, 3);
}

/// Cannot always be moved into a pool.
struct FragilePolicy : dispatch::RoundRobin {
    Fragile part{};
};

TEST(Copies, APolicyThatCannotBeMovedMakesNoPool) {
    net::io_context context;
    int failures = 0;
    for (bool broken = true; broken; ++failures) {
        ASSERT_LT(failures, 100);
        const auto workers =
            dispatch::spawn_workers<int, int>(context.get_executor(), 2, [](int value) { return value; });
        using Pool = dispatch::WorkerPool<int, int, FragilePolicy>;
        std::optional<Pool> pool;
        Fragile::touches_left = failures;
        try {
            pool.emplace(workers, dispatch::PoolOptions{}, FragilePolicy{});
        } catch (const std::runtime_error&) {
        }
        broken = Fragile::touches_left < 0;
        Fragile::touches_left = -1;
        if (!pool) {
            pool.emplace(workers, dispatch::PoolOptions{}, FragilePolicy{});  // they are still part of none
        }
        Outcome<int> outcome;
        pool->submit(std::nullopt, 3, outcome.handler());
        test::poll(context);
        EXPECT_TRUE(outcome.returned(3));
    }
    EXPECT_GT(failures, 1);
    EXPECT_EQ(Fragile::live, 0);
}

}  // namespace
