// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_EXECUTION_HPP
#define DISPATCH_TESTS_MODELS_EXECUTION_HPP

#include <checker.hpp>
#include <type_traits>

namespace model {

inline constexpr std::size_t most_threads = 4;

/// One execution of a model, of the many that Relacy goes through: what has to be as new in each. Every
/// model derives from it, before any other base.
class Execution {
  public:
    /// For objects that outlive an execution, though Relacy's part of them must not.
    class Resettable {
      public:
        virtual void reset() noexcept = 0;

      protected:
        ~Resettable() = default;
    };

    Execution() noexcept {
        ++number_;
        count_ = 0;
    }
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;
    ~Execution() {
        while (count_ != 0) {
            at_end_[--count_]->reset();
        }
    }

    static unsigned number() noexcept { return number_; }

    static void at_end(Resettable& object) noexcept { at_end_[count_++] = &object; }

  private:
    static inline unsigned number_ = 0;
    static inline std::array<Resettable*, 64> at_end_{};
    static inline std::size_t count_ = 0;
};

/// An object of Relacy's in one with static storage duration: made when an execution first uses it.
template <typename T>
class PerExecution final : Execution::Resettable {
  public:
    PerExecution() noexcept {}
    PerExecution(const PerExecution&) = delete;
    PerExecution& operator=(const PerExecution&) = delete;
    ~PerExecution() {
        if (made_in_ == Execution::number()) {
            reset();
        }
    }

    T& operator*() {
        if (made_in_ != Execution::number()) {  // after an execution that failed there may be another one's
            ::new (static_cast<void*>(place_)) T{};
            made_in_ = Execution::number();
            Execution::at_end(*this);
        }
        return *std::launder(reinterpret_cast<T*>(place_));
    }

  private:
    void reset() noexcept override {
        if (made_in_ == Execution::number()) {
            made_in_ = 0;
            std::launder(reinterpret_cast<T*>(place_))->~T();
        }
    }

    unsigned made_in_ = 0;
    alignas(T) std::byte place_[sizeof(T)];
};

/// In place of a thread_local variable: Relacy's threads are one thread's fibers.
template <typename T>
class PerThread {
  public:
    constexpr PerThread(T initial) noexcept : initial_{initial} {}
    PerThread(const PerThread&) = delete;

    operator T() noexcept { return value(); }
    PerThread& operator=(T to) noexcept {
        value() = to;
        return *this;
    }

    T exchange(T to) noexcept { return std::exchange(value(), to); }

  private:
    T& value() noexcept {
        if (made_in_ != Execution::number()) {
            made_in_ = Execution::number();
            values_.fill(initial_);
        }
        return values_[rl::thread_index()];
    }

    const T initial_;
    unsigned made_in_ = 0;
    std::array<T, most_threads> values_{};
};

/// In place of a plain variable: Relacy tells when two threads race for it.
template <typename T>
class Plain {
    /// What Relacy prints.
    using Raw = typename std::conditional_t<std::is_enum_v<T>, std::underlying_type<T>, std::type_identity<T>>::type;

  public:
    Plain() : Plain{T{}} {}
    Plain(T initial) : value_{static_cast<Raw>(initial)} {}
    Plain(const Plain& other) : Plain{static_cast<T>(other)} {}

    operator T() const { return static_cast<T>(static_cast<Raw>(value_(RL_INFO))); }
    T operator->() const { return *this; }
    Plain& operator=(T to) {
        value_(RL_INFO) = static_cast<Raw>(to);
        return *this;
    }
    Plain& operator=(const Plain& other) { return *this = static_cast<T>(other); }

  private:
    rl::var<Raw> value_;
};

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_EXECUTION_HPP
