// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_JOB_TEXT_HPP
#define GATEWAY_API_JOB_TEXT_HPP

#include <string>

#include <gateway/jobs/job.hpp>

namespace gateway {

/// What clients see of a job, with its id if that is not empty. A result is put there as it was stored: it may be
/// large, and was JSON when it was. stored: false, if only who waits for it knows how it ended.
[[nodiscard]] std::string job_text(const JobState& state, const std::string& id = {}, bool stored = true);

}  // namespace gateway

#endif  // GATEWAY_API_JOB_TEXT_HPP
