// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace observer_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::DroppedEvent;
using dispatch::FinishedEvent;
using dispatch::JobContext;
using dispatch::Observed;
using dispatch::RoutedEvent;
using dispatch::SessionVerdict;
using dispatch::StartedEvent;

struct Event {
    std::string what;
    std::size_t worker;
    std::string session;
    SessionVerdict verdict = SessionVerdict::none;
    bool accepted = true;
    std::string error;
    std::chrono::steady_clock::duration ran{};
};

std::string text_of(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
        return {};
    } catch (const std::exception& e) {
        return e.what();
    }
}

/// Writes down all that it sees, in one list for all of its copies.
class Recorder {
  public:
    void routed(const RoutedEvent& event) noexcept {
        add({"routed", event.worker, std::string{event.session}, event.verdict, event.accepted, {}, {}});
    }
    void started(const StartedEvent& event) noexcept {
        EXPECT_GE(event.queued, 0ns);
        add({"started", event.worker, std::string{event.session}, {}, true, {}, {}});
    }
    void finished(const FinishedEvent& event) noexcept {
        add({"finished", event.worker, std::string{event.session}, {}, true, text_of(event.error), event.ran});
    }
    void dropped(const DroppedEvent& event) noexcept {
        EXPECT_GE(event.queued, 0ns);
        add({"dropped", event.worker, std::string{event.session}, {}, true, event.why.message(), {}});
    }

    std::vector<Event> take() {
        const std::lock_guard lock{state_->mutex};
        return std::exchange(state_->events, {});
    }

  private:
    struct State {
        std::mutex mutex;
        std::vector<Event> events;
    };

    void add(Event event) {
        const std::lock_guard lock{state_->mutex};
        state_->events.push_back(std::move(event));
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
};

static_assert(dispatch::Observer<Recorder>);
static_assert(dispatch::SelectionPolicy<Observed<Recorder>>);
static_assert(!dispatch::detail::SeesRoutes<dispatch::LeastLoaded>);

template <typename R, typename S>
using ObservedPool = dispatch::WorkerPool<R, S, Observed<Recorder>>;

class ObserverTest : public testing::Test {
  protected:
    template <typename R, typename S, typename Handler>
    ObservedPool<R, S> make(Handler handler, std::size_t workers, dispatch::WorkerOptions options = {},
                            dispatch::PoolOptions pool_options = {}) {
        return ObservedPool<R, S>{
            dispatch::spawn_workers<R, S>(context.get_executor(), workers, handler, options, recorder), pool_options,
            Observed{recorder}};
    }

    /// What a job comes to, on this thread.
    template <typename Pool, typename R>
    auto run(Pool& pool, std::optional<std::string_view> session, R request) {
        auto future = pool.submit(session, std::move(request), net::use_future);
        context.restart();
        context.run();
        return future;
    }

    /// The events so far, each as a word or two.
    std::vector<std::string> story() {
        std::vector<std::string> words;
        for (const Event& event : recorder.take()) {
            std::string word = event.what + " " + std::to_string(event.worker);
            if (event.what == "routed") {
                constexpr const char* names[] = {"none", "hit", "fresh", "expired"};
                word += std::string{" "} + names[static_cast<int>(event.verdict)] + (event.accepted ? "" : " refused");
            }
            if (!event.session.empty()) {
                word += " " + event.session;
            }
            words.push_back(word + (event.error.empty() ? "" : ": " + event.error));
        }
        return words;
    }

    using Story = std::vector<std::string>;

    const std::string stopped = make_error_code(dispatch::errc::stopped).message();
    const std::string deadline_exceeded = make_error_code(dispatch::errc::deadline_exceeded).message();

    net::io_context context;
    Recorder recorder;
};

TEST_F(ObserverTest, SeesAJobFromItsRouteToItsEnd) {
    auto pool = make<int, int>([](int x) -> net::awaitable<int> { co_return 2 * x; }, 1);
    EXPECT_EQ(run(pool, std::nullopt, 21).get(), 42);
    EXPECT_EQ(story(), (Story{"routed 0 none", "started 0", "finished 0"}));
}

TEST_F(ObserverTest, SeesWhatTheSessionMapSaid) {
    using dispatch::simulation::Executor;
    dispatch::simulation::Context simulation;
    dispatch::WorkerPool<int, int, Observed<Recorder>, Executor> pool{
        dispatch::spawn_workers<int, int, Executor>(
            simulation.get_executor(), 3, [](int x) { return x; }, {}, recorder),
        {.affinity_ttl = 10s},
        Observed{recorder}};
    const auto run = [&](std::string_view session) {
        pool.submit(session, 1, [](const std::exception_ptr& /*error*/, int /*response*/) {});
        simulation.run();
    };
    run("a");
    run("a");
    run("b");
    simulation.advance(10s);
    run("a");
    run("a");
    EXPECT_EQ(story(), (Story{"routed 1 fresh a", "started 1 a", "finished 1 a",    //
                              "routed 1 hit a", "started 1 a", "finished 1 a",      //
                              "routed 2 fresh b", "started 2 b", "finished 2 b",    //
                              "routed 0 expired a", "started 0 a", "finished 0 a",  //
                              "routed 0 hit a", "started 0 a", "finished 0 a"}));
}

TEST_F(ObserverTest, WithoutAffinityASessionIsNone) {
    auto pool = make<int, int>([](int x) { return x; }, 1, {}, {.affinity_ttl = 0s});
    run(pool, "a", 1);
    EXPECT_EQ(story(), (Story{"routed 0 none a", "started 0 a", "finished 0 a"}));
}

TEST_F(ObserverTest, SeesWhoIsRefused) {
    auto pool = make<int, int>([](int x) { return x; }, 1, {.max_concurrency = 1, .queue_capacity = 1},
                               {.overflow = dispatch::Overflow::reject});
    std::vector<std::future<int>> futures;
    for (int i = 0; i < 3; ++i) {
        futures.push_back(pool.submit(std::nullopt, i, net::use_future));
    }
    EXPECT_EQ(story(), (Story{"routed 0 none", "routed 0 none", "routed 0 none refused"}));
    pool.stop();
    EXPECT_EQ(story(), (Story{"dropped 0: " + stopped, "dropped 0: " + stopped}));
    futures.push_back(pool.submit("a", 1, net::use_future));
    EXPECT_EQ(story(), (Story{"routed 0 fresh refused a"}));
    context.run();
    for (std::future<int>& future : futures) {
        EXPECT_THROW(future.get(), std::system_error);
    }
    EXPECT_EQ(story(), Story{}) << "none of them was started";
}

TEST_F(ObserverTest, SeesWhoLeavesTheQueue) {
    net::cancellation_signal signal;
    auto pool = make<int, int>([](int x) { return x; }, 1);
    auto cancelled = pool.submit("a", 1, net::bind_cancellation_slot(signal.slot(), net::use_future));
    signal.emit(net::cancellation_type::total);
    EXPECT_EQ(story(), (Story{"routed 0 fresh a", "dropped 0 a: " + dispatch::detail::operation_aborted().message()}));
    const auto late = std::chrono::steady_clock::now() - 1s;
    auto expired = pool.submit({.session = "a", .deadline = late}, 1, net::use_future);
    context.run();
    EXPECT_EQ(story(), (Story{"routed 0 hit a", "dropped 0 a: " + deadline_exceeded}));
    EXPECT_THROW(cancelled.get(), std::system_error);
    EXPECT_THROW(expired.get(), std::system_error);
}

TEST_F(ObserverTest, SeesWhatTheTimerTakesOutOfTheQueue) {
    const test::Gate gate;
    auto pool = make<int, int>(
        [&gate](int x) -> net::awaitable<int> {
            co_await gate.pass();
            co_return x;
        },
        1, {.max_concurrency = 1});
    auto running = pool.submit("a", 1, net::use_future);
    auto expired =
        pool.submit({.session = "b", .deadline = std::chrono::steady_clock::now() + 1ms}, 1, net::use_future);
    test::run_until(context, [&] { return pool.ledger().expired == 1; });
    gate.open();
    context.run();
    EXPECT_EQ(running.get(), 1);
    EXPECT_THROW(expired.get(), std::system_error);
    EXPECT_EQ(story(), (Story{"routed 0 fresh a", "routed 0 fresh b", "started 0 a",
                              "dropped 0 b: " + deadline_exceeded, "finished 0 a"}));
}

TEST_F(ObserverTest, SeesWhatAHandlerThrows) {
    auto coroutine = make<int, int>([](int) -> net::awaitable<int> { throw std::runtime_error{"no"}; }, 1);
    EXPECT_THROW(run(coroutine, std::nullopt, 1).get(), std::runtime_error);
    EXPECT_EQ(story().back(), "finished 0: no");
    auto function = make<int, int>([](int) -> int { throw std::runtime_error{"never"}; }, 1);
    EXPECT_THROW(run(function, std::nullopt, 1).get(), std::runtime_error);
    EXPECT_EQ(story().back(), "finished 0: never");
}

TEST_F(ObserverTest, TimesARunWithItsSuspensions) {
    auto pool = make<int, int>(
        [](int x) -> net::awaitable<int> {
            net::steady_timer timer{co_await net::this_coro::executor, 5ms};
            co_await timer.async_wait(net::use_awaitable);
            co_return x;
        },
        1);
    run(pool, std::nullopt, 1).get();
    EXPECT_GE(recorder.take().back().ran, 5ms);
}

TEST_F(ObserverTest, LeavesRequestsAndResponsesAsTheyAre) {
    using Text = std::unique_ptr<std::string>;
    auto take = [](Text text, JobContext& job) -> net::awaitable<Text> {
        *text += std::to_string(job.worker_id());
        co_return text;
    };
    auto pool = make<Text, Text>(take, 1);
    EXPECT_EQ(*run(pool, std::nullopt, std::make_unique<std::string>("x")).get(), "x0");

    auto by_reference = make<Text, void>([](Text&& text) { text.reset(); }, 1);
    run(by_reference, std::nullopt, std::make_unique<std::string>("x")).get();
    auto nothing = make<int, void>([](int) -> net::awaitable<void> { co_return; }, 1);
    run(nothing, std::nullopt, 1).get();
    EXPECT_EQ(story().size(), 9U);
}

TEST_F(ObserverTest, DeducesTheTypesOfAHandler) {
    auto handler = [](int x) -> net::awaitable<std::string> { co_return std::to_string(x); };
    auto workers = dispatch::spawn_workers(context.get_executor(), 1, handler, {}, recorder);
    ObservedPool<int, std::string> pool{std::move(workers), {}, Observed{recorder}};
    EXPECT_EQ(run(pool, std::nullopt, 7).get(), "7");
}

TEST_F(ObserverTest, GoesWithAnyPolicy) {
    using Policy = Observed<Recorder, dispatch::RoundRobin>;
    dispatch::WorkerPool<int, int, Policy> pool{
        dispatch::spawn_workers<int, int>(context.get_executor(), 2, [](int x) { return x; }), {}, Policy{recorder}};
    run(pool, std::nullopt, 1);
    run(pool, std::nullopt, 1);
    const Story seen = story();
    ASSERT_EQ(seen.size(), 2U);  // the handler is not observed
    EXPECT_NE(seen[0], seen[1]);
}

TEST(Observer, SeesEveryJobOfManyThreads) {
    constexpr int jobs = 20'000;
    net::thread_pool threads{4};
    Recorder recorder;
    ObservedPool<int, int> pool{
        dispatch::spawn_workers<int, int>(
            threads.get_executor(), 4, [](int x) -> net::awaitable<int> { co_return x; }, {}, recorder),
        {},
        Observed{recorder}};
    std::vector<std::future<int>> futures;
    for (int i = 0; i < jobs; ++i) {
        const std::string session = "session-" + std::to_string(i % 10);
        futures.push_back(pool.submit(session, i, net::use_future));
    }
    for (std::future<int>& future : futures) {
        future.get();
    }
    std::size_t fresh = 0;
    std::map<std::string, int> counts;
    for (const Event& event : recorder.take()) {
        ++counts[event.what];
        fresh += event.verdict == SessionVerdict::fresh ? 1U : 0U;
    }
    EXPECT_EQ(counts, (std::map<std::string, int>{{"routed", jobs}, {"started", jobs}, {"finished", jobs}}));
    EXPECT_EQ(fresh, 10U);
}

}  // namespace observer_test
