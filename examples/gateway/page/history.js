// SPDX-License-Identifier: Apache-2.0
// What the page has seen of the gateway, and what follows from it. Knows nothing of the document.

import {startOf} from './figures.js';

/// The points of the last seconds.
export class History {
    #points = [];
    #keep;

    /// keep: seconds.
    constructor(keep) { this.#keep = keep; }

    /// What was before a restart is forgotten. A gateway that was restarted has started later, by more than the one before
    /// ran; `at` alone does not tell, as it may have run for longer by now.
    add(point) {
        const restarted = (before) => point.at < before.at || point.started - before.started > before.at / 2 + 1;
        if (this.#points.length > 0 && restarted(this.latest)) {
            this.#points = [];
        }
        this.#points.push(point);
        const expired = this.#points.findIndex((old) => old.at >= point.at - this.#keep);
        this.#points.splice(0, expired);
    }

    get latest() { return this.#points.at(-1); }

    /// The points of the last so many seconds.
    within(seconds) { return this.#points.filter((point) => point.at >= this.latest.at - seconds); }

    /// The point to compare the latest with: of so many seconds before it. The earliest that there is, if the gateway
    /// ran before that unwatched; and its start, if it had not started by then.
    before(seconds) {
        return this.latest.at <= seconds ? startOf(this.latest) : this.within(seconds)[0];
    }
}

/// A counter's increase for each second between two points.
export function rate(from, to, name) {
    const seconds = to.at - from.at;
    return seconds > 0 ? (to.counters[name] - from.counters[name]) / seconds : 0;
}

/// The rates from each point to the next.
export const rates = (points, name) => points.slice(1).map((point, i) => rate(points[i], point, name));

export const difference = (from, to) => to.map((value, i) => value - from[i]);

/// The bound under which a part of all is, by the counts of buckets; Infinity: over the last; NaN: there are none.
export function quantile(counts, bounds, part) {
    const total = counts.reduce((a, b) => a + b, 0);
    let seen = 0;
    for (let i = 0; i < counts.length; ++i) {
        seen += counts[i];
        if (total > 0 && seen >= part * total) {
            return bounds[i] ?? Infinity;
        }
    }
    return NaN;
}
