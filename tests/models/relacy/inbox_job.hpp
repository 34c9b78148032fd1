// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_INBOX_JOB_HPP
#define DISPATCH_TESTS_MODELS_INBOX_JOB_HPP

#include <model_std.hpp>

#include <dispatch/detail/base/intrusive_list.hpp>

namespace model {

/// What an Inbox asks of a job, for models in which there are no deadlines.
struct InboxJob : dispatch::detail::ListHook {
    enum class State : std::uint8_t { queued, running, replied };
    State state = State::queued;
    int ticket = 0;
    std::optional<int> deadline;
    std::size_t deadline_index = 0;

    void add_owner() noexcept {}
};

/// Its alarm, which never rings.
struct NoAlarm {
    void set(int /*time*/) noexcept {}
    void clear() noexcept {}
};

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_INBOX_JOB_HPP
