// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_MODEL_STD_HPP
#define DISPATCH_TESTS_MODELS_MODEL_STD_HPP

// A standard library whose threads are Relacy's. The headers of the library that are included after this
// one (clang-format puts them there) use it, because `std` is a macro from here on: they are checked as
// they are.

#include <execution.hpp>

/// Everything that is not declared here is what it is in std.
namespace model_std {

using namespace ::std;

enum class memory_order : std::uint8_t { relaxed, consume, acquire, release, acq_rel, seq_cst };
inline constexpr memory_order memory_order_relaxed = memory_order::relaxed;
inline constexpr memory_order memory_order_acquire = memory_order::acquire;
inline constexpr memory_order memory_order_release = memory_order::release;
inline constexpr memory_order memory_order_acq_rel = memory_order::acq_rel;
inline constexpr memory_order memory_order_seq_cst = memory_order::seq_cst;

/// What Relacy stores and prints for a T.
template <typename T>
struct AtomicValue {
    using type = T;
};
template <typename T>
    requires std::is_enum_v<T> || std::is_same_v<T, bool>
struct AtomicValue<T> {
    using type = unsigned;
};

template <typename T>
class atomic {
    using Raw = typename AtomicValue<T>::type;
    using Where = std::source_location;

    static rl::memory_order rl_order(memory_order order) { return static_cast<rl::memory_order>(order); }
    static Raw raw(T value) noexcept { return static_cast<Raw>(value); }

    /// The order of a compare_exchange that fails, where only one is given.
    static memory_order failure(memory_order order) noexcept {
        return order == memory_order::acq_rel   ? memory_order::acquire
               : order == memory_order::release ? memory_order::relaxed
                                                : order;
    }

  public:
    atomic() : raw_{raw(T{})} {}
    atomic(T value) : raw_{raw(value)} {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    T load(memory_order order = memory_order::seq_cst, Where where = Where::current()) const {
        return static_cast<T>(raw_.load(rl_order(order), model::at(where)));
    }
    void store(T value, memory_order order = memory_order::seq_cst, Where where = Where::current()) {
        raw_.store(raw(value), rl_order(order), model::at(where));
    }
    T exchange(T value, memory_order order = memory_order::seq_cst, Where where = Where::current()) {
        return static_cast<T>(raw_.exchange(raw(value), rl_order(order), model::at(where)));
    }
    T fetch_add(T value, memory_order order = memory_order::seq_cst, Where where = Where::current()) {
        return static_cast<T>(raw_.fetch_add(raw(value), rl_order(order), model::at(where)));
    }
    T fetch_sub(T value, memory_order order = memory_order::seq_cst, Where where = Where::current()) {
        return static_cast<T>(raw_.fetch_sub(raw(value), rl_order(order), model::at(where)));
    }
    bool compare_exchange_strong(T& expected, T value, memory_order success, memory_order failure,
                                 Where where = Where::current()) {
        return exchange_if<false>(expected, value, success, failure, where);
    }
    bool compare_exchange_weak(T& expected, T value, memory_order success, memory_order failure,
                               Where where = Where::current()) {
        return exchange_if<true>(expected, value, success, failure, where);
    }
    bool compare_exchange_weak(T& expected, T value, memory_order order = memory_order::seq_cst,
                               Where where = Where::current()) {
        return exchange_if<true>(expected, value, order, failure(order), where);
    }

    operator T() const { return load(); }
    T operator=(T value) {
        store(value);
        return value;
    }

  private:
    template <bool weak>
    bool exchange_if(T& expected, T value, memory_order success, memory_order failure, const Where& where) {
        Raw found = raw(expected);
        const bool done = raw_.compare_exchange(rl::bool_t<weak>{}, found, raw(value), rl_order(success),
                                                rl_order(failure), model::at(where));
        expected = static_cast<T>(found);
        return done;
    }

    mutable rl::atomic<Raw> raw_;
};

class mutex {
  public:
    void lock(std::source_location where = std::source_location::current()) { (*mutex_).lock(model::at(where)); }
    void unlock(std::source_location where = std::source_location::current()) { (*mutex_).unlock(model::at(where)); }

  private:
    model::PerExecution<rl::mutex> mutex_;
};

class condition_variable {
  public:
    void wait(std::unique_lock<mutex>& lock, std::source_location where = std::source_location::current()) {
        WithInfo with_info{*lock.mutex()};
        (*condition_).wait(with_info, model::at(where));
    }
    void notify_one(std::source_location where = std::source_location::current()) {
        (*condition_).notify_one(model::at(where));
    }
    void notify_all(std::source_location where = std::source_location::current()) {
        (*condition_).notify_all(model::at(where));
    }

  private:
    /// A lock as Relacy takes it.
    struct WithInfo {
        mutex& of;
        void lock(rl::debug_info_param) { of.lock(); }
        void unlock(rl::debug_info_param) { of.unlock(); }
    };

    model::PerExecution<rl::condition_variable> condition_;
};

/// For std::exchange(variable, value) where the variable was thread_local.
using ::std::exchange;
template <typename T>
T exchange(model::PerThread<T>& variable, T value) noexcept {
    return variable.exchange(value);
}

namespace this_thread {

inline void yield(std::source_location where = std::source_location::current()) { rl::yield(1, model::at(where)); }

}  // namespace this_thread

namespace chrono {

using namespace ::std::chrono;

/// Whoever looks a second time finds that an hour has passed.
struct steady_clock {
    using duration = ::std::chrono::steady_clock::duration;
    using time_point = ::std::chrono::steady_clock::time_point;

    static time_point now() noexcept { return time_point{hours{looks++}}; }

  private:
    static inline long looks = 0;
};

}  // namespace chrono

}  // namespace model_std

#define std model_std

#endif  // DISPATCH_TESTS_MODELS_MODEL_STD_HPP
