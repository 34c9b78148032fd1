// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/running_jobs.hpp>

#include <boost/asio/post.hpp>

namespace gateway {

WatchedJob RunningJob::watch() {
    WatchedJob watched{id_, strand_};
    const std::lock_guard lock{mutex_};
    if (told_) {
        watched.tell(*told_);
    } else {
        std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
        watchers_.push_back(watched.channel());
    }
    return watched;
}

void RunningJob::tell(const JobEnd& end) {
    std::vector<std::weak_ptr<WatchedJob::Channel>> watchers;
    {
        const std::lock_guard lock{mutex_};
        told_ = std::make_shared<const JobEnd>(end);
        watchers.swap(watchers_);
    }
    for (const std::weak_ptr<WatchedJob::Channel>& watcher : watchers) {
        if (const std::shared_ptr<WatchedJob::Channel> channel = watcher.lock()) {
            WatchedJob::tell(*channel, end);
        }
    }
}

void RunningJob::cancel() {
    cancelled_ = true;
    // By way of the strand, it comes before the operation begins, which then looks at cancelled(), or after.
    net::post(strand_, [self = shared_from_this()] { self->signal_.emit(net::cancellation_type::terminal); });
}

std::shared_ptr<RunningJob> RunningJobs::add(std::string id, net::any_io_executor strand) {
    auto job = std::make_shared<RunningJob>(std::move(id), std::move(strand));
    const std::lock_guard lock{mutex_};
    jobs_.emplace(job->id(), job);
    return job;
}

void RunningJobs::remove(const std::string& id) {
    const std::lock_guard lock{mutex_};
    jobs_.erase(id);
}

std::shared_ptr<RunningJob> RunningJobs::find(const std::string& id) {
    const std::lock_guard lock{mutex_};
    const auto found = jobs_.find(id);
    return found != jobs_.end() ? found->second : nullptr;
}

}  // namespace gateway
