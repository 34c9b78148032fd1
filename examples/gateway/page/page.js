// SPDX-License-Identifier: Apache-2.0
// The page: keeps what the gateway's events say, and shows it.

import {byId, duration, element, gauge, histogram, number, rateText, say, sparkline} from './draw.js';
import {bounds, errors, pointOf, times} from './figures.js';
import {difference, History, quantile, rate, rates} from './history.js';
import {follow} from './stream.js';

const longest_span = 900;  // s
const history = new History(longest_span);
let status = null;
let paused = false;

/// Seconds; Infinity: since the gateway's start.
const span = () => byId('span').value === 'all' ? Infinity : Number(byId('span').value);
const spanInWords = () => span() === Infinity ? 'since the start' : `last ${byId('span').selectedOptions[0].text}`;

// Each figure: its title, its value and a note, of the latest point and one of some seconds before; and the values of its
// line. A rate is that of the last three seconds.
const figures = [
    ['Requests/s', (now, before) => rate(before, now, 'requests'), (now) => `${number(now.counters.requests)} in all`,
     (points) => rates(points, 'requests')],
    ['Jobs/s', (now, before) => rate(before, now, 'jobs'), (now) => `${number(now.counters.jobs)} in all`,
     (points) => rates(points, 'jobs')],
    ['Tokens/s', (now, before) => rate(before, now, 'tokens'), () => 'of answers', (points) => rates(points, 'tokens')],
    ['In flight', (now) => now.inflight, () => `of ${number(status.metrics.workers.length * concurrency())}`,
     (points) => points.map((point) => point.inflight)],
    ['Queued', (now) => now.queued, (now) => now.waiting > 0 ? `and ${number(now.waiting)} waiting` : '',
     (points) => points.map((point) => point.queued)],
    ['Sessions', (now) => now.sessions, () => '', (points) => points.map((point) => point.sessions)],
    ['Jobs moved', (now) => now.counters.moved,
     ({counters}) => counters.submitted > 0 ? `${number(100 * counters.moved / counters.submitted)} % of all` : '',
     (points) => rates(points, 'moved')],
    ['Jobs failed', (now) => now.counters.failed, () => '', (points) => rates(points, 'failed')],
].map(([title, value, note, line]) => {
    const tile = {value, note, line, spark: sparkline(), text: element('span', {className: 'value'}),
                  aside: element('span', {className: 'note'})};
    byId('figures').append(element('div', {className: 'tile'}, element('dt', {textContent: title}),
                                   element('dd', {}, tile.text, tile.aside, tile.spark.node)));
    return tile;
});

const concurrency = () => status.metrics.pool.concurrency;

function drawFigures() {
    const now = history.latest;
    const recent = history.within(3)[0];
    const points = history.within(span());
    for (const {value, note, line, spark, text, aside} of figures) {
        say(text, number(value(now, recent)));
        say(aside, note(now));
        spark.draw(line(points));
    }
}

// The columns of the workers' table. load: its order is that of what a worker has to do, which is how the pool chooses.
const load = (worker) => worker.inflight + worker.queue_len + worker.waiting;
const columns = [
    {title: 'Worker', key: (worker) => worker.worker_id},
    {title: 'In flight', key: load, bar: 'running', draw: (cell, worker) => cell.draw(worker.inflight, concurrency())},
    {title: 'Queued', key: (worker) => worker.queue_len + worker.waiting, bar: 'queued',
     draw: (cell, worker) => cell.draw(worker.queue_len + worker.waiting, worker.capacity)},
    {title: 'Sessions', key: (worker) => worker.sessions},
    {title: 'Moved', key: (worker) => worker.moved},
    {title: 'Errors', key: (worker) => worker.errors},
    {title: 'New jobs/s', key: (worker) => worker.rate, text: rateText},
];
let order = {column: columns[0], descending: false};
const rows = new Map();

for (const column of columns) {
    const button = element('button', {type: 'button', textContent: column.title});
    button.addEventListener('click', () => {
        order = {column, descending: order.column === column ? !order.descending : column !== columns[0]};
        drawWorkers();
    });
    column.head = element('th', {scope: 'col'}, button);
    document.querySelector('#workers thead tr').append(column.head);
}

function rowOf(id) {
    if (!rows.has(id)) {
        const cells = columns.map(({bar}, i) => {
            const cell = bar ? gauge(bar) : {};
            cell.holder = element(i === 0 ? 'th' : 'td', i === 0 ? {scope: 'row'} : {}, ...(bar ? [cell.node] : []));
            return cell;
        });
        rows.set(id, {cells, node: element('tr', {}, ...cells.map(({holder}) => holder))});
    }
    return rows.get(id);
}

function drawWorkers() {
    const recent = history.within(3)[0];
    const seconds = history.latest.at - recent.at;
    const workers = status.metrics.workers.map((worker) => ({
        ...worker,
        rate: seconds > 0 ? (worker.submitted - (recent.accepted.get(worker.worker_id) ?? 0)) / seconds : 0,
    }));
    const sign = order.descending ? -1 : 1;
    workers.sort((a, b) => sign * (order.column.key(a) - order.column.key(b)) || a.worker_id - b.worker_id);
    for (const {head} of columns) {
        head.removeAttribute('aria-sort');
    }
    order.column.head.setAttribute('aria-sort', order.descending ? 'descending' : 'ascending');
    const body = document.querySelector('#workers tbody');
    workers.forEach((worker, place) => {
        const {cells, node} = rowOf(worker.worker_id);
        columns.forEach(({key, draw, text = number}, i) => {
            if (draw) {
                draw(cells[i], worker);
            } else {
                say(cells[i].holder, text(key(worker)));
            }
        });
        if (body.children[place] !== node) {
            body.insertBefore(node, body.children[place] ?? null);
        }
    });
    while (body.children.length > workers.length) {
        body.lastChild.remove();
    }
}

let histograms = null;

function drawTimes() {
    histograms ??= times.map(([, title, note]) => {
        const made = histogram(title, note, bounds(status));
        byId('times').append(made.node);
        return made;
    });
    const before = history.before(span());
    histograms.forEach((picture, i) => {
        const counts = difference(before.times[i], history.latest.times[i]);
        const total = counts.reduce((a, b) => a + b, 0);
        const upTo = (part) => {
            const bound = quantile(counts, bounds(status), part);
            return bound === Infinity ? `over ${duration(bounds(status).at(-1))}` : `within ${duration(bound)}`;
        };
        picture.draw(counts, total > 0 ? `${number(total)} jobs, half ${upTo(0.5)}, 99 % ${upTo(0.99)}` : 'no jobs');
    });
}

const errorRows = errors.map(([title]) => {
    const row = {recent: element('td'), total: element('td')};
    document.querySelector('#errors tbody').append(
        element('tr', {}, element('th', {scope: 'row', textContent: title}), row.recent, row.total));
    return row;
});

function drawErrors() {
    const totals = history.latest.errors;
    const recent = difference(history.before(span()).errors, totals);
    say(byId('errors-span'), spanInWords());
    errorRows.forEach((row, i) => {
        say(row.recent, number(recent[i]));
        row.recent.classList.toggle('some', recent[i] > 0);
        say(row.total, number(totals[i]));
    });
}

function failureItem(failure) {
    const ended = element('time', {dateTime: failure.time, textContent: new Date(failure.time).toLocaleString()});
    const message = failure.message || 'What is wrong with a request is not shown here, as it may quote the request.';
    return element('li', {},
                   element('p', {}, element('strong', {textContent: `${failure.code} (${failure.status})`}), ` ${message}`),
                   element('p', {className: 'about'}, ended, ` after ${duration(failure.ms / 1000)}, job `,
                           element('code', {textContent: failure.job_id})));
}

let failuresShown = '[]';

function drawFailures() {
    const now = JSON.stringify(status.failures);
    if (now !== failuresShown) {
        failuresShown = now;
        byId('failures').replaceChildren(...status.failures.map(failureItem));
    }
    byId('no-failures').hidden = status.failures.length > 0;
}

function drawHeader() {
    say(byId('name'), status.name);
    document.title = status.name ? `${status.name}: gateway` : 'Gateway';
    say(byId('about'), `model ${status.model}, ${status.state}, up ${duration(Math.floor(history.latest.at))}`);
}

function draw() {
    if (status && !document.hidden) {
        [drawHeader, drawFigures, drawWorkers, drawTimes, drawErrors, drawFailures].forEach((part) => part());
    }
}

function showConnection(state, text) {
    byId('connection').dataset.state = state;
    say(byId('connection'), text);
}

const showLive = () => showConnection(paused ? 'paused' : 'live', paused ? 'Paused' : 'Live');

/// What came while the page was paused: the latest of the gateway, and the points for its history.
let held = [];
let latest = null;

function show() {
    held.forEach((point) => history.add(point));
    held = [];
    status = latest;
    draw();
}

function take(event) {
    latest = event;
    const point = pointOf(event);
    held.push({...point, started: Date.now() / 1000 - point.at});
    held = held.slice(-longest_span);
    byId('main').hidden = false;
    byId('token-form').hidden = true;
    showLive();
    if (!paused) {
        show();
    }
}

byId('pause').addEventListener('click', () => {
    paused = !paused;
    say(byId('pause'), paused ? 'Resume' : 'Pause');
    showLive();
    if (!paused) {
        show();
    }
});
byId('span').addEventListener('change', draw);
document.addEventListener('visibilitychange', draw);

const token_key = 'gateway-token';
let given;  // a token of which it is not known whether it is right

/// Of the browser, which may have none for this page.
function storedToken() {
    try {
        return sessionStorage.getItem(token_key);
    } catch {
        return null;
    }
}

function storeToken(token) {
    try {
        sessionStorage.setItem(token_key, token);
    } catch {
        // it is asked for again after a reload
    }
}

/// Shows the form until it is sent; the token.
function askToken(wrong) {
    showConnection('lost', 'A client token is wanted');
    say(byId('token-problem'), wrong ? 'This token is wrong.' : '');
    byId('token-form').hidden = false;
    byId('token').focus();
    return new Promise((resolve) => {
        byId('token-form').addEventListener('submit', (event) => {
            event.preventDefault();
            given = byId('token').value;
            byId('token').value = '';
            byId('token-form').hidden = true;
            showConnection('', 'Connecting');
            resolve(given);
        }, {once: true});
    });
}

follow({
    token: storedToken(),
    onEvent: (event) => {
        if (given) {  // it is right
            storeToken(given);
            given = undefined;
        }
        take(event);
    },
    onLost: (why, seconds) => showConnection('lost', `Disconnected (${why}), retrying in ${duration(seconds)}`),
    askToken,
});
