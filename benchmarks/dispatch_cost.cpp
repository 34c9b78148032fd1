// SPDX-License-Identifier: Apache-2.0
//
// A closed loop of clients against an echo handler, to be run under an instruction counter: the
// difference between two run lengths, divided by the difference in jobs, is the cost of a job.
//
//   dispatch_cost JOBS [CLIENTS] [THREADS] [WORKERS]
//
// Prints the heap allocations of the second half of the run.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
#else
#include <asio/thread_pool.hpp>
#endif

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(size)) {
        return memory;
    }
    throw std::bad_alloc{};
}

void* counted(std::size_t size, std::align_val_t alignment) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    const auto align = static_cast<std::size_t>(alignment);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) {
        return memory;
    }
    throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return counted(size, alignment); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

namespace net = dispatch::net;
using Pool = dispatch::WorkerPool<std::uint64_t, std::uint64_t>;

struct Run {
    std::int64_t jobs;
    std::atomic<std::int64_t> left{jobs};
    std::atomic<std::uint64_t> allocations_at_half{0};
    std::atomic<std::uint64_t> sum{0};
};

net::awaitable<void> client(Pool& pool, Run& run) {
    std::uint64_t sum = 0;
    for (;;) {
        const std::int64_t left = run.left.fetch_sub(1, std::memory_order_relaxed);
        if (left <= 0) {
            break;
        }
        if (left == run.jobs / 2) {
            run.allocations_at_half = allocations.load();
        }
        sum += co_await pool.submit(std::nullopt, static_cast<std::uint64_t>(left));
    }
    run.sum += sum;
}

std::int64_t argument(int count, char** values, int index, std::int64_t otherwise) {
    return index < count ? std::atoll(values[index]) : otherwise;
}

}  // namespace

int main(int count, char** values) {
    Run run{argument(count, values, 1, 100'000)};
    const std::int64_t clients = argument(count, values, 2, 64);
    net::thread_pool threads{static_cast<std::size_t>(argument(count, values, 3, 1))};
    Pool pool{dispatch::spawn_workers<std::uint64_t, std::uint64_t>(
        threads.get_executor(), static_cast<std::size_t>(argument(count, values, 4, 4)),
        [](std::uint64_t value) -> net::awaitable<std::uint64_t> { co_return value; })};
    for (std::int64_t i = 0; i != clients; ++i) {
        net::co_spawn(threads, client(pool, run), net::detached);
    }
    threads.join();
    const std::uint64_t second_half = allocations.load() - run.allocations_at_half.load();
    std::printf("%lld jobs, checksum %llu, %.4f allocations per job\n", static_cast<long long>(run.jobs),
                static_cast<unsigned long long>(run.sum.load()),
                static_cast<double>(second_half) / (static_cast<double>(run.jobs) / 2));
    return run.sum == static_cast<std::uint64_t>(run.jobs) * static_cast<std::uint64_t>(run.jobs + 1) / 2 ? 0 : 1;
}
