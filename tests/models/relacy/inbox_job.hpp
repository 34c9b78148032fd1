// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_MODELS_INBOX_JOB_HPP
#define DISPATCH_TESTS_MODELS_INBOX_JOB_HPP

#include <model_std.hpp>

#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/job/deadline_place.hpp>
#include <dispatch/detail/job/patience.hpp>

namespace model {

/// What an Inbox asks of a job, for models in which there are no deadlines, and jobs prefer no workers. J is derived
/// from it.
template <typename J>
struct InboxJob : dispatch::detail::ListHook {
    enum class State : std::uint8_t { queued, running, replied };
    State state = State::queued;
    int ticket = 0;
    std::optional<int> deadline;
    bool may_move = false;
    std::uint64_t order = 0;
    std::uint64_t age = 0;

    void add_owner() noexcept {}
    bool is_plain() const noexcept { return true; }
    dispatch::detail::Patience<J, int>* patience() noexcept { return nullptr; }
    using Place = dispatch::detail::DeadlinePlace<J, int>;
    Place* place = nullptr;
    Place& deadline_place() noexcept { return *place; }
};

/// What an Inbox asks of its worker, where there are no deadlines and no other workers: never anything.
struct NoHost {
    void prepare_alarm() noexcept {}
    void set_alarm(int /*time*/) noexcept {}
    void look_later() noexcept {}
    void clear_alarm() noexcept {}
    bool defers() const noexcept { return false; }
    std::uint64_t next_age() noexcept { return 1; }
    void list(std::uint64_t /*age*/) noexcept {}
    void unlist() noexcept {}
    template <typename Patience>
    void invite(Patience& /*guest*/) noexcept {}
    template <typename Patience>
    void uninvite(Patience& /*guest*/) noexcept {}
};

}  // namespace model

#endif  // DISPATCH_TESTS_MODELS_INBOX_JOB_HPP
