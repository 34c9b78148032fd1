// SPDX-License-Identifier: Apache-2.0
// Which of a gateway's figures are shown. Knows nothing of the document.

const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);

/// Responses whose status begins with digit.
function responses(metrics, digit) {
    let total = 0;
    for (const byStatus of Object.values(metrics.responses ?? {})) {
        for (const [status, count] of Object.entries(byStatus)) {
            total += status.startsWith(digit) ? count : 0;
        }
    }
    return total;
}

/// What can go wrong: what it is called, and how often it has since the start.
export const errors = [
    ['Jobs that failed', (m) => m.jobs.failed],
    ['Jobs refused: too many pending', (m) => m.jobs.refused_full],
    ['Jobs refused: shutting down', (m) => m.jobs.refused_shutting_down],
    ['Jobs refused: not stored', (m) => m.jobs.refused_not_stored],
    ['Responses 4xx', (m) => responses(m, '4')],
    ['Responses 5xx', (m) => responses(m, '5')],
    ['Connections that were too slow', (m) => m.http.timed_out],
    ['Upstream: retries', (m) => m.upstream.retries],
    ['Upstream: told to wait (429)', (m) => m.upstream.limited],
    ['Upstream: attempts that took too long', (m) => m.upstream.timeouts],
    ['Log lines dropped', (m) => m.log.dropped],
];

/// The distributions of times: their names among the metrics, and for people.
export const times = [
    ['queued_seconds', 'Queue time', 'in the pool'],
    ['ran_seconds', 'Run time', 'retries and all'],
    ['total_seconds', 'Total time', 'until the end is stored'],
];

/// The counts of a distribution's buckets, each for itself; the last is of those that are over all bounds.
function bucketCounts({buckets, count}) {
    const upTo = [...buckets.map((bucket) => bucket.count), count];
    return upTo.map((value, i) => value - (i > 0 ? upTo[i - 1] : 0));
}

/// The bounds of the buckets, in seconds.
export const bounds = (status) => status.metrics.times[times[0][0]].buckets.map((bucket) => bucket.le);

/// What is remembered of a status: its time in seconds, what goes up and down, and what only goes up.
export function pointOf(status) {
    const m = status.metrics;
    return {
        at: status.uptime_ms / 1000,
        inflight: sum(m.workers, 'inflight'),
        queued: sum(m.workers, 'queue_len'),
        waiting: sum(m.workers, 'waiting'),
        sessions: sum(m.workers, 'sessions'),
        counters: {
            requests: m.http.requests,
            jobs: m.jobs.completed + m.jobs.failed + m.jobs.cancelled,
            tokens: m.tokens.output,
            submitted: m.ledger.submitted,
            moved: m.ledger.moved,
            failed: m.jobs.failed,
        },
        errors: errors.map(([, of]) => of(m)),
        times: times.map(([name]) => bucketCounts(m.times[name])),
        accepted: new Map(m.workers.map((worker) => [worker.worker_id, worker.submitted])),
    };
}

/// That of a gateway that has just started, like point.
export const startOf = (point) => ({
    at: 0,
    counters: Object.fromEntries(Object.keys(point.counters).map((name) => [name, 0])),
    errors: point.errors.map(() => 0),
    times: point.times.map((counts) => counts.map(() => 0)),
    accepted: new Map(),
});
