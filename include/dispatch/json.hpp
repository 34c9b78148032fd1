// SPDX-License-Identifier: Apache-2.0
// Writes a pool's figures as JSON. nlohmann::json finds these functions by argument-dependent lookup:
//
//   nlohmann::json json = pool.worker_metrics();
//   json = pool.ledger();
//
// This header does not include nlohmann::json. BasicJson may be any type with its static function object() and its
// operator[].
#ifndef DISPATCH_JSON_HPP
#define DISPATCH_JSON_HPP

#include <dispatch/detail/base/config.hpp>
#include <dispatch/metrics.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Sets json to an object with the fields of worker, under their names in WorkerMetrics. Throws what BasicJson throws.
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
    json["moved"] = worker.moved;
}

/// Sets json to an object with the counters of ledger, under their names in Ledger. Throws what BasicJson throws.
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
    json["moved"] = ledger.moved;
}

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_JSON_HPP
