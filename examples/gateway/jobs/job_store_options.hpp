// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_JOB_STORE_OPTIONS_HPP
#define GATEWAY_JOBS_JOB_STORE_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace gateway {

struct JobStoreOptions {
    /// The database's file, which is made if there is none; beside it are others with longer names. ":memory:":
    /// nothing survives.
    std::string path = ":memory:";
    /// How long an ended job is kept; positive.
    std::chrono::milliseconds ttl = std::chrono::hours{1};
    /// A job is kept through the loss of power. false: only through that of the process, and faster.
    bool full_sync = true;
    /// Operations that wait, for reading and for writing each; positive. More than jobs may be pending, or the ends of
    /// jobs find no room.
    std::size_t max_queued = 16'384;
    /// Idempotency keys that are remembered, each as long as its job is kept; past it, the oldest is forgotten.
    std::size_t max_keys = 100'000;
    /// A write that takes longer says that the disk does not answer.
    std::chrono::milliseconds write_patience = std::chrono::seconds{5};
    /// Milliseconds of the wall clock: times outlive the process. Called on the store's threads. Empty: the system's.
    std::function<std::int64_t()> now_ms;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_JOB_STORE_OPTIONS_HPP
