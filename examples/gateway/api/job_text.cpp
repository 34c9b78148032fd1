// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/job_text.hpp>

#include <gateway/base/json_writer.hpp>
#include <gateway/http/failure.hpp>

namespace gateway {

std::string job_text(const JobState& state, const std::string& id, bool stored) {
    JsonWriter json;
    json.begin_object();
    if (!id.empty()) {
        json.member("job_id", id);
    }
    if (!stored) {
        json.member("stored", false);
    }
    switch (state.status) {
        case JobStatus::pending:
            json.member("status", "Pending");
            break;
        case JobStatus::completed:
            json.member("status", "Completed").key("result");
            json.reserve(state.result.size() + 2);  // and ends of the object and the line
            json.raw(state.result);
            break;
        case JobStatus::failed: {
            const Failure failure = read_failure(state.result);
            json.member("status", "Failed").member("result", failure.message).member("error", to_json(failure));
            break;
        }
    }
    return json.end_object().take();
}

}  // namespace gateway
