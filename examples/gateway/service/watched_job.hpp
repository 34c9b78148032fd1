// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_WATCHED_JOB_HPP
#define GATEWAY_SERVICE_WATCHED_JOB_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/redirect_error.hpp>

#include <gateway/base/net.hpp>
#include <gateway/jobs/job.hpp>

namespace gateway {

/// How a job ended, for the client that waited for it.
struct Outcome {
    std::string id;
    /// pending: the gateway shut down before the job was done. It goes on after a restart.
    JobState state;
    /// false: the store cannot write it yet. It goes on trying; until it can, the job is pending for all others, and
    /// runs again after a crash.
    bool stored = true;
    /// Who ran it, and how long it had waited for that; a completed job only.
    std::optional<std::size_t> worker;
    std::chrono::microseconds queued{};
};

/// What a watched job comes to: an outcome, or an error that is the gateway's own.
struct JobEnd {
    std::exception_ptr error;
    Outcome outcome;
};

/// A job that was accepted, for who waits for it. The job goes on whatever becomes of this.
class WatchedJob {
  public:
    using Channel = net::experimental::concurrent_channel<void(error_code, JobEnd)>;

    WatchedJob(std::string id, const net::any_io_executor& executor)
        : id_{std::move(id)}, channel_{std::make_shared<Channel>(executor, 1)} {}

    [[nodiscard]] const std::string& id() const { return id_; }

    /// Waits until it has ended: until that is stored, but no longer than the job's time and a second, nor than it
    /// takes to see that the store cannot. Nothing, if give_up() came before. Once; it may be cancelled, which is all
    /// that it throws.
    [[nodiscard]] net::awaitable<std::optional<JobEnd>> end() const {
        error_code error;
        JobEnd end = co_await channel_->async_receive(net::redirect_error(net::use_awaitable, error));
        if (error == net::error::connection_aborted) {
            co_return std::nullopt;
        }
        if (error) {
            throw boost::system::system_error{error};
        }
        co_return std::move(end);
    }

    /// Ends the wait with this, unless it has been told before. Thread-safe, as is the next one.
    void tell(const JobEnd& end) const { tell(*channel_, end); }
    static void tell(Channel& channel, const JobEnd& end) { channel.try_send(error_code{}, end); }

    /// Where it is told, as long as anybody waits.
    [[nodiscard]] std::weak_ptr<Channel> channel() const { return channel_; }

    /// Ends the wait, whether it has begun or not.
    void give_up() const { channel_->try_send(error_code{net::error::connection_aborted}, JobEnd{}); }

  private:
    std::string id_;
    std::shared_ptr<Channel> channel_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_WATCHED_JOB_HPP
