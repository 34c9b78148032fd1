// SPDX-License-Identifier: Apache-2.0
// A pool's figures as JSON, for nlohmann::json, which finds these functions by itself:
//
//   nlohmann::json json = pool.worker_metrics();
//   json = pool.ledger();
//
// Nothing of nlohmann::json is included: BasicJson may be any type made like it.
#ifndef DISPATCH_JSON_HPP
#define DISPATCH_JSON_HPP

#include <dispatch/detail/base/config.hpp>
#include <dispatch/metrics.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// An object with WorkerMetrics's fields.
template <typename BasicJson>
void to_json(BasicJson& json, const WorkerMetrics& worker) {
    json = BasicJson::object();
    json["worker_id"] = worker.worker_id;
    json["inflight"] = worker.inflight;
    json["queue_len"] = worker.queue_len;
    json["waiting"] = worker.waiting;
    json["capacity"] = worker.capacity;
    json["errors"] = worker.errors;
    json["sessions"] = worker.sessions;
    json["submitted"] = worker.submitted;
}

/// An object with Ledger's fields.
template <typename BasicJson>
void to_json(BasicJson& json, const Ledger& ledger) {
    json = BasicJson::object();
    json["submitted"] = ledger.submitted;
    json["completed"] = ledger.completed;
    json["failed"] = ledger.failed;
    json["rejected"] = ledger.rejected;
    json["expired"] = ledger.expired;
    json["cancelled"] = ledger.cancelled;
    json["stopped"] = ledger.stopped;
}

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_JSON_HPP
