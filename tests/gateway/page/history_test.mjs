// SPDX-License-Identifier: Apache-2.0
//
// What the page computes, without a browser. PAGE names the directory of its files.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';

const load = (name) => import(pathToFileURL(`${process.env.PAGE}/${name}`));
const {difference, History, quantile, rate, rates} = await load('history.js');
const {bounds, errors, pointOf, startOf} = await load('figures.js');
const {EventParser, pauseAfter} = await load('stream.js');

const point = (at, jobs = 0) => ({at, counters: {jobs}, errors: [], times: []});

test('a history keeps what is recent', () => {
    const history = new History(10);
    for (const at of [100, 105, 111, 115]) {
        history.add(point(at));
    }
    assert.deepEqual(history.within(Infinity).map(({at}) => at), [105, 111, 115]);
    assert.deepEqual(history.within(4).map(({at}) => at), [111, 115]);
    assert.equal(history.latest.at, 115);
});

test('what is compared with is as old as wanted, as old as can be, or the start', () => {
    const history = new History(100);
    history.add(point(50, 5));
    history.add(point(60, 6));
    history.add(point(70, 7));
    assert.equal(history.before(10).at, 60);
    assert.equal(history.before(40).at, 50);
    assert.deepEqual(history.before(70), startOf(point(0)));
    assert.equal(history.before(Infinity).counters.jobs, 0);
});

test('a gateway that was restarted has a new history', () => {
    const history = new History(100);
    history.add(point(50, 5));
    history.add(point(2, 1));
    assert.deepEqual(history.within(Infinity).map(({at}) => at), [2]);
});

test('one that has run for longer than that before it is known by when it started', () => {
    const history = new History(1_000);
    const started = (at, time) => ({...point(at), started: time});
    history.add(started(10, 100));
    history.add(started(11, 100.5));  // clocks differ, and events take their time
    history.add(started(500, 96));
    assert.equal(history.within(Infinity).length, 3);
    history.add(started(700, 1_200));
    assert.deepEqual(history.within(Infinity).map(({at}) => at), [700]);
    history.add(started(702, 1_200));
    assert.equal(history.within(Infinity).length, 2);
});

test('rates are by the gateway\'s clock', () => {
    assert.equal(rate(point(1, 10), point(3, 20), 'jobs'), 5);
    assert.equal(rate(point(1, 10), point(1, 10), 'jobs'), 0);
    assert.deepEqual(rates([point(1, 0), point(2, 4), point(4, 6)], 'jobs'), [4, 1]);
    assert.deepEqual(rates([point(1)], 'jobs'), []);
});

test('quantiles are bounds of buckets', () => {
    assert.equal(quantile([1, 0, 3, 0], [1, 2, 3], 0.25), 1);
    assert.equal(quantile([1, 0, 3, 0], [1, 2, 3], 0.5), 3);
    assert.equal(quantile([0, 0, 0, 1], [1, 2, 3], 0.5), Infinity);
    assert.ok(Number.isNaN(quantile([0, 0, 0, 0], [1, 2, 3], 0.5)));
    assert.deepEqual(difference([1, 2], [4, 2]), [3, 0]);
});

test('a point is what a status says, in sum', () => {
    const worker = (worker_id, inflight) => ({worker_id, inflight, queue_len: 1, waiting: 0, sessions: 2, submitted: 9});
    const times = {buckets: [{le: 1, count: 2}, {le: 5, count: 3}], count: 7, sum: 1};
    const status = {
        uptime_ms: 1500,
        metrics: {
            workers: [worker(0, 3), worker(1, 4)],
            ledger: {submitted: 20, moved: 2},
            jobs: {completed: 5, failed: 1, cancelled: 1, refused_full: 0, refused_shutting_down: 0, refused_not_stored: 0},
            http: {requests: 30, timed_out: 0},
            upstream: {retries: 8, limited: 0, timeouts: 0},
            tokens: {output: 99},
            log: {dropped: 0},
            responses: {'/generate': {202: 5, 404: 1}, none: {404: 2, 500: 1}},
            times: {queued_seconds: times, ran_seconds: times, total_seconds: times},
        },
    };
    const {at, inflight, queued, sessions, counters, errors: counts, times: distributions} = pointOf(status);
    assert.deepEqual({at, inflight, queued, sessions}, {at: 1.5, inflight: 7, queued: 2, sessions: 4});
    assert.equal(counters.jobs, 7);
    assert.deepEqual(distributions[0], [2, 1, 4]);
    assert.deepEqual(bounds(status), [1, 5]);
    const count = (title) => counts[errors.findIndex(([name]) => name === title)];
    assert.equal(count('Responses 4xx'), 3);
    assert.equal(count('Responses 5xx'), 1);
    assert.equal(count('Upstream: retries'), 8);
});

test('events come in any pieces', () => {
    const parser = new EventParser();
    assert.deepEqual(parser.feed('dat'), []);
    assert.deepEqual(parser.feed('a: {"a":1}\n'), []);
    assert.deepEqual(parser.feed('\ndata: 2\n\n: a comment\n\nda'), ['{"a":1}', '2']);
    assert.deepEqual(parser.feed('ta: 3\n\n'), ['3']);
});

test('pauses between attempts grow, up to a limit', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 50].map(pauseAfter), [1, 2, 4, 8, 15, 15]);
});
