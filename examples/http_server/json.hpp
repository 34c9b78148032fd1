// SPDX-License-Identifier: Apache-2.0
// What the service's answers look like as JSON, and a ledger as a line for people.
#ifndef EXAMPLES_HTTP_SERVER_JSON_HPP
#define EXAMPLES_HTTP_SERVER_JSON_HPP

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <dispatch/metrics.hpp>

#include "aggregate.hpp"

namespace example {

using Json = nlohmann::ordered_json;

/// The text of value. Bytes that are not UTF-8 (a session id may hold any) become U+FFFD.
inline std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

inline Json to_json(const Aggregate& aggregate) {
    Json json;
    json["count"] = aggregate.count;
    json["sum"] = aggregate.sum;
    if (aggregate.count > 0) {
        json["min"] = aggregate.min;
        json["max"] = aggregate.max;
        json["mean"] = aggregate.sum / static_cast<double>(aggregate.count);
    } else {
        json["min"] = nullptr;
        json["max"] = nullptr;
        json["mean"] = nullptr;
    }
    json["sha256"] = aggregate.sha256;
    json["worker"] = aggregate.worker;
    json["session"] = aggregate.session.empty() ? Json(nullptr) : Json(aggregate.session);
    json["queued_us"] = aggregate.queued.count();
    return json;
}

inline Json to_json(const dispatch::WorkerMetrics& worker) {
    Json json;
    json["worker_id"] = worker.worker_id;
    json["inflight"] = worker.inflight;
    json["queue_len"] = worker.queue_len;
    json["waiting"] = worker.waiting;
    json["capacity"] = worker.capacity;
    json["errors"] = worker.errors;
    json["sessions"] = worker.sessions;
    return json;
}

inline Json to_json(const dispatch::Ledger& ledger) {
    Json json;
    json["submitted"] = ledger.submitted;
    json["completed"] = ledger.completed;
    json["failed"] = ledger.failed;
    json["rejected"] = ledger.rejected;
    json["expired"] = ledger.expired;
    json["cancelled"] = ledger.cancelled;
    json["stopped"] = ledger.stopped;
    return json;
}

inline Json metrics_json(const std::vector<dispatch::WorkerMetrics>& workers, const dispatch::Ledger& ledger) {
    Json list = Json::array();
    for (const dispatch::WorkerMetrics& worker : workers) {
        list.push_back(to_json(worker));
    }
    Json json;
    json["workers"] = std::move(list);
    json["ledger"] = to_json(ledger);
    return json;
}

/// A ledger (as to_json makes it) as the sum that it is: "9 submitted = 8 completed + 1 failed + ...".
inline std::string ledger_line(const Json& ledger) {
    std::string line;
    for (const auto& [name, count] : ledger.items()) {
        line += line.empty() ? "" : name == "completed" ? " = " : " + ";
        line += count.dump() + ' ' + name;
    }
    return line;
}

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_JSON_HPP
