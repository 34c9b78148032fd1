// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_STREAM_BLOCKED_STREAMS_HPP
#define DISPATCH_DETAIL_STREAM_BLOCKED_STREAMS_HPP

#include <mutex>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The streams of one worker whose handlers have waited for their readers. A handler that does so when the execution
/// context is destroyed is suspended in no service of that: so it is found here. Thread-safe.
template <typename Core>
class BlockedStreams {
  public:
    void add(Core& stream) noexcept {
        const std::lock_guard lock{mutex_};
        streams_.push_back(stream);
    }

    /// One that was added. No effect once the context has shut down.
    void remove(Core& stream) noexcept {
        const std::lock_guard lock{mutex_};
        if (!closed_) {
            streams_.remove(stream);
        }
    }

    /// None of the context's threads runs.
    void context_shutdown() noexcept {
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
        }
        // To be destroyed, a handler may be run no further than to its destructors; and those end the job.
        while (Core* const stream = streams_.pop_front()) {
            stream->destroy_writers();
        }
    }

  private:
    std::mutex mutex_;
    bool closed_ = false;
    IntrusiveList<Core> streams_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_STREAM_BLOCKED_STREAMS_HPP
