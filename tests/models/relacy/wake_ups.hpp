// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_WAKE_UPS_HPP
#define DISPATCH_TESTS_MODELS_WAKE_UPS_HPP

#include <model_std.hpp>

namespace model {

/// What an executor is to the models: one thread asks for something to be run, another runs it later. A
/// thread that waits for what never comes is a deadlock, which Relacy reports.
class WakeUps {
  public:
    void post() {
        const std::lock_guard lock{mutex_};
        ++posted_;
        changed_.notify_one();
    }

    /// From now on nobody waits.
    void stop() {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        changed_.notify_all();
    }

    /// False when there is nothing to run, and never will be.
    bool take() {
        std::unique_lock lock{mutex_};
        while (posted_ == 0 && !stopped_) {
            changed_.wait(lock);
        }
        return posted_ != 0 && posted_-- != 0;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int posted_ = 0;
    bool stopped_ = false;
};

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_WAKE_UPS_HPP
