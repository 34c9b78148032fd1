// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_OBJECTS_HPP
#define DISPATCH_TESTS_SIMULATION_OBJECTS_HPP

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace sim {

/// Something of which none may be left at the end.
class Counted {
  public:
    Counted() noexcept { ++live; }
    Counted(const Counted& /*other*/) noexcept { ++live; }
    Counted& operator=(const Counted&) noexcept = default;
    ~Counted() { --live; }

    static inline long live = 0;
};

inline constexpr std::size_t no_job = ~std::size_t{0};

/// A job's number, which only one object has at a time.
class JobNumber {
  public:
    JobNumber() noexcept = default;
    explicit JobNumber(std::size_t job) noexcept : value{job} {}
    JobNumber(JobNumber&& other) noexcept : value{std::exchange(other.value, no_job)} {}
    JobNumber& operator=(JobNumber&& other) noexcept {
        value = std::exchange(other.value, no_job);
        return *this;
    }

    std::size_t value = no_job;

  private:
    Counted counted_;
};

struct Request {
    JobNumber job;
};

struct Response {
    JobNumber job;
};

/// What a handler throws on its own.
struct HandlerError : std::runtime_error {
    explicit HandlerError(std::size_t job) : std::runtime_error{"job " + std::to_string(job)} {}
};

/// The heap, with a count of the blocks that are out.
template <typename T = void>
class CountingAllocator {
  public:
    using value_type = T;

    CountingAllocator() noexcept = default;
    template <typename U>
    CountingAllocator(const CountingAllocator<U>& /*other*/) noexcept {}

    T* allocate(std::size_t count) const {
        T* const memory = std::allocator<T>{}.allocate(count);
        ++Counted::live;
        return memory;
    }
    void deallocate(T* memory, std::size_t count) const noexcept {
        --Counted::live;
        std::allocator<T>{}.deallocate(memory, count);
    }

    friend bool operator==(const CountingAllocator&, const CountingAllocator&) noexcept { return true; }
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_OBJECTS_HPP
