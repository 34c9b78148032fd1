// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_RUNNING_JOBS_HPP
#define GATEWAY_SERVICE_RUNNING_JOBS_HPP

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>

#include <gateway/base/net.hpp>
#include <gateway/service/watched_job.hpp>

namespace gateway {

/// A job that waits or runs: who waits for its end, and how it is cancelled. Thread-safe, but for slot().
class RunningJob : public std::enable_shared_from_this<RunningJob> {
  public:
    /// strand: on which the job's coroutine runs, which others may share.
    RunningJob(std::string id, net::any_io_executor strand) : id_{std::move(id)}, strand_{std::move(strand)} {}
    RunningJob(const RunningJob&) = delete;
    RunningJob& operator=(const RunningJob&) = delete;

    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] const net::any_io_executor& strand() const { return strand_; }

    /// For one more who waits for the end. Who comes after what tell() said last is told that.
    [[nodiscard]] WatchedJob watch();

    /// Tells all who wait. Who was told once is told nothing more.
    void tell(const JobEnd& end);

    /// Has it end soon, unless it has ended: as failed, if cancelled() was seen by whoever says how it ended.
    void cancel();
    [[nodiscard]] bool cancelled() const { return cancelled_; }

    /// For the operation that cancel() ends. To be used on strand().
    [[nodiscard]] net::cancellation_slot slot() { return signal_.slot(); }

  private:
    const std::string id_;
    const net::any_io_executor strand_;
    net::cancellation_signal signal_;  ///< used on strand_ alone
    std::atomic<bool> cancelled_{false};
    std::mutex mutex_;
    std::vector<std::weak_ptr<WatchedJob::Channel>> watchers_;  ///< guarded by mutex_; of those who wait still
    std::shared_ptr<const JobEnd> told_;                        ///< guarded by mutex_
};

/// The jobs that wait or run, by their ids. Thread-safe.
class RunningJobs {
  public:
    std::shared_ptr<RunningJob> add(std::string id, net::any_io_executor strand);
    void remove(const std::string& id);

    /// Null: there is none.
    [[nodiscard]] std::shared_ptr<RunningJob> find(const std::string& id);

  private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<RunningJob>> jobs_;  ///< guarded by mutex_; the ids are our own
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_RUNNING_JOBS_HPP
