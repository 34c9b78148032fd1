// SPDX-License-Identifier: Apache-2.0
//
// The gateway's page in Chromium, with jobs of the embedded model.
//
//     node --test page_test.mjs       GATEWAY and CHROMIUM name the programs. Screenshots are left in this directory
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {createInterface} from 'node:readline';
import {after, before, describe, test} from 'node:test';

import {Browser} from './browser.mjs';

const children = [];
const browser = await Browser.start(process.env.CHROMIUM);

after(async () => {
    children.forEach((child) => child.kill('SIGKILL'));
    await browser.close();
});

/// Starts a gateway; its URL and its process.
async function startGateway(args, {port = '0', environment = {}} = {}) {
    const child = spawn(process.env.GATEWAY,
                        ['--port', port, '--database', ':memory:', '--log-level', 'off', ...args],
                        {stdio: ['ignore', 'pipe', 'inherit'], env: {...process.env, ...environment}});
    children.push(child);
    for await (const line of createInterface({input: child.stdout})) {
        if (line.startsWith('listening on ')) {
            return {url: line.slice('listening on '.length), child};
        }
    }
    throw new Error('the gateway ended before it listened');
}

/// Has the gateway do jobs, each of another session.
async function generate(url, count, headers = {}) {
    const body = JSON.stringify({contents: [{parts: [{text: 'Say something.'}]}]});
    await Promise.all(Array.from({length: count}, async (_, i) => {
        const response = await fetch(`${url}/generate`,
                                     {method: 'POST', body, headers: {'X-Session-Id': `session ${i}`, ...headers}});
        assert.equal(response.status, 202);
    }));
}

/// Has the gateway do jobs again and again while work runs.
async function whileBusy(url, count, work) {
    let ended = false;
    const generating = (async () => {
        while (!ended) {
            await generate(url, count);
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
    })();
    try {
        return await work();
    } finally {
        ended = true;
        await generating;
    }
}

/// A port on which nobody listens.
function unusedPort() {
    return new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const {port} = server.address();
            server.close(() => resolve(port));
        });
    });
}

const main = `document.querySelector('#main').hidden === false`;
const connection = `document.querySelector('#connection').textContent`;

/// The value of a figure, as text.
const figure = (title) => `[...document.querySelectorAll('.tile')]
    .find((tile) => tile.querySelector('dt').textContent === '${title}').querySelector('.value').textContent`;
const numberOf = (title) => `Number(${figure(title)}.replaceAll(',', ''))`;

/// The numbers of the workers, from the top.
const workers = `[...document.querySelectorAll('#workers tbody th')].map((cell) => cell.textContent).join(' ')`;

/// How many colours a PNG has, and which part of it the most frequent one takes.
async function coloursOf(png) {
    const tab = await browser.open();
    return tab.evaluate(`(async () => {
        const bitmap = await createImageBitmap(await (await fetch('data:image/png;base64,${png}')).blob());
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
        context.drawImage(bitmap, 0, 0);
        const pixels = new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
        const counts = new Map();
        pixels.forEach((pixel) => counts.set(pixel, (counts.get(pixel) ?? 0) + 1));
        return {colours: counts.size, most: Math.max(...counts.values()) / pixels.length};
    })()`);
}

/// Of the page's ground, from 0 (black) to 255.
const brightness = `(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    return (r + g + b) / 3;
})()`;

describe('the page', () => {
    let url;
    let tab;
    before(async () => {
        ({url} = await startGateway(['--workers', '4', '--concurrency', '4', '--token-rate', '200', '--name', 'gateway-a']));
        tab = await browser.open();
        await tab.resize(1280, 900);
        await tab.prefer({'color-scheme': 'light'});
        await tab.go(`${url}/`);
        await tab.until(main);
    });

    test('shows figures that move', async () => {
        assert.equal(await tab.evaluate(connection), 'Live');
        assert.equal(await tab.evaluate(workers), '0 1 2 3');
        assert.match(await tab.evaluate(`document.querySelector('header').textContent`),
                     /gateway-a[^]*model embedded, ready/);
        assert.equal(await tab.evaluate(numberOf('Sessions')), 0);
        await whileBusy(url, 20, () => tab.until(`${numberOf('In flight')} === 16 && ${numberOf('Queued')} > 0`));
        await tab.until(`${numberOf('Sessions')} > 0 && ${numberOf('Requests/s')} > 0`);
        await tab.until(`document.querySelector('#workers .running .fill').getBoundingClientRect().width > 0`);
        await tab.until(`${numberOf('Jobs/s')} > 0 && ${numberOf('Tokens/s')} > 0`);
        await tab.until(`${numberOf('In flight')} === 0`);
        await tab.until(`[...document.querySelectorAll('.histogram')]
            .every((one) => one.textContent.includes(' jobs, half within ') && one.querySelector('[role=img]').ariaLabel)`);
    });

    test('is paused and goes on', async () => {
        await tab.click('#pause');
        assert.equal(await tab.evaluate(connection), 'Paused');
        assert.equal(await tab.evaluate(`document.querySelector('#pause').textContent`), 'Resume');
        const requests = await tab.evaluate(`document.querySelector('.tile .note').textContent`);
        await generate(url, 20);
        // Long enough for events to have come, which the gateway counts when they are asked for, once.
        const seen = await tab.evaluate(`(async () => {
            const events = (await fetch('events')).body.getReader();
            for (let i = 0; i < 3; ++i) {
                await events.read();
            }
            await events.cancel();
            return document.querySelector('.tile .note').textContent;
        })()`);
        assert.equal(seen, requests);
        await tab.click('#pause');
        assert.equal(await tab.evaluate(connection), 'Live');
        await tab.until(`document.querySelector('.tile .note').textContent !== ${JSON.stringify(requests)}`);
    });

    test('sorts the workers', async () => {
        const sorted = `document.querySelector('#workers [aria-sort]')`;
        assert.equal(await tab.evaluate(`${sorted}.textContent`), 'Worker');
        await tab.click('#workers th:first-child button');
        assert.equal(await tab.evaluate(`${sorted}.ariaSort`), 'descending');
        assert.equal(await tab.evaluate(workers), '3 2 1 0');
        await tab.click('#workers th:nth-child(2) button');
        assert.equal(await tab.evaluate(`${sorted}.textContent`), 'In flight');
        const loads = `[...document.querySelectorAll('#workers .running span')].map((text) => Number(text.textContent))`;
        const seen = await whileBusy(url, 1, async () => tab.until(`${loads}.some((load) => load > 0) && ${loads}`));
        assert.deepEqual(seen, [...seen].sort((a, b) => b - a));
        await tab.click('#workers th:first-child button');
        assert.equal(await tab.evaluate(workers), '0 1 2 3');
    });

    test('has a time span to choose', async () => {
        const title = `document.querySelector('#errors-span').textContent`;
        assert.equal(await tab.evaluate(title), 'last 5 minutes');
        await tab.evaluate(`(() => {
            const span = document.querySelector('#span');
            span.value = 'all';
            span.dispatchEvent(new Event('change'));
        })()`);
        assert.equal(await tab.evaluate(title), 'since the start');
    });

    test('is light, or dark, as one likes it', async () => {
        const pictures = await whileBusy(url, 5, async () => {
            await tab.until(`${numberOf('In flight')} > 0`);
            await tab.evaluate(`scrollTo(0, 0)`);
            assert.ok(await tab.evaluate(brightness) > 200);
            const light = await tab.screenshot();
            await tab.prefer({'color-scheme': 'dark'});
            assert.ok(await tab.evaluate(brightness) < 60);
            return {light, dark: await tab.screenshot()};
        });
        for (const [name, png] of Object.entries(pictures)) {
            await writeFile(`${name}.png`, png, 'base64');
            const {colours, most} = await coloursOf(png);
            assert.ok(colours > 50 && most < 0.95, `${colours} colours, one of which takes ${most}`);
        }
    });

    test('moves nothing for who does not like that', async () => {
        const transition = `getComputedStyle(document.querySelector('.fill')).transitionDuration`;
        assert.notEqual(await tab.evaluate(transition), '0s');
        await tab.prefer({'reduced-motion': 'reduce'});
        assert.equal(await tab.evaluate(transition), '0s');
        await tab.prefer({});
    });

    test('fits on a telephone', async () => {
        await tab.resize(375, 812, true);
        const {page, table, room} = await tab.evaluate(`({
            page: document.documentElement.scrollWidth,
            table: document.querySelector('#workers').offsetWidth,
            room: document.querySelector('.scroll').clientWidth,
        })`);
        assert.equal(page, 375);
        assert.ok(table <= room, `the table takes ${table} of ${room}`);
        const png = await tab.screenshot();
        await writeFile('telephone.png', png, 'base64');
        assert.ok((await coloursOf(png)).colours > 50);
        await tab.resize(1280, 900);
    });

    test('has names for what can be used, and headings in order', async () => {
        const {nodes} = await tab.send('Accessibility.getFullAXTree');
        const shown = nodes.filter((node) => !node.ignored).map((node) => ({role: node.role?.value, name: node.name?.value}));
        for (const role of ['button', 'combobox', 'region', 'table', 'image']) {
            const found = shown.filter((node) => node.role === role);
            assert.ok(found.length > 0, `no ${role}`);
            if (role !== 'table') {
                assert.deepEqual(found.filter((node) => !node.name), [], `each ${role} has a name`);
            }
        }
        assert.deepEqual(await tab.evaluate(`[...document.querySelectorAll('h1, h2')].map((one) => one.tagName).join(' ')`),
                         'H1 H2 H2 H2 H2 H2');
    });

    test('had nothing to complain of', () => assert.deepEqual(tab.complaints, []));

    test('would not run what is not its own', async () => {
        const ran = await tab.evaluate(`new Promise((resolve) => {
            addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'document.title = "run"';
            document.body.append(script);
        })`);
        assert.equal(ran, 'script-src-elem');
        assert.notEqual(await tab.evaluate('document.title'), 'run');
    });
});

test('the page shows which jobs failed, and nothing of their requests', async () => {
    const upstream = `http://127.0.0.1:${await unusedPort()}`;
    const {url} = await startGateway(['--upstream', 'openai', '--base-url', upstream, '--max-attempts', '1']);
    const tab = await browser.open();
    await tab.go(`${url}/`);
    await tab.until(main);
    assert.ok(await tab.evaluate(`document.querySelector('#no-failures').checkVisibility()`));
    await generate(url, 1);
    const text = await tab.until(`document.querySelector('#failures li')?.textContent`);
    assert.match(text, /upstream_unreachable \(502\)/);
    assert.match(text, /[0-9a-f]{8}-[0-9a-f]{4}-/);
    assert.ok(!await tab.evaluate(`document.body.textContent.includes('Say something')`));
    assert.ok(!await tab.evaluate(`document.querySelector('#no-failures').checkVisibility()`));
    await tab.until(`document.querySelector('#errors .some')`);
    assert.deepEqual(tab.complaints, []);
});

test('the page asks for a client token, and keeps it for the tab', async () => {
    const {url} = await startGateway([], {environment: {GATEWAY_CLIENT_TOKEN: 'secret'}});
    const tab = await browser.open();
    await tab.go(`${url}/`);
    const form = `document.querySelector('#token-form').checkVisibility()`;
    await tab.until(form);
    assert.ok(!await tab.evaluate(main));
    await tab.type('wrong');
    await tab.click('#token-form button');
    await tab.until(`document.querySelector('#token-problem').textContent === 'This token is wrong.'`);
    await tab.type('ключ');
    await tab.click('#token-form button');
    await tab.until(`${form} && document.querySelector('#token').value === ''`);
    await tab.type('secret');
    await tab.click('#token-form button');
    await tab.until(main);
    assert.ok(!await tab.evaluate(form));
    await tab.evaluate(`window.former = true`);
    await tab.send('Page.reload');
    await tab.until(`!window.former && document.readyState === 'complete' && ${main}`);
    assert.ok(!await tab.evaluate(form));
    assert.deepEqual(tab.complaints.filter((one) => !one.includes('401')), []);
});

test('the page says that the gateway is away, and sees it again', async () => {
    const port = String(await unusedPort());
    const first = await startGateway([], {port});
    const tab = await browser.open();
    await tab.go(`${first.url}/`);
    await tab.until(main);
    await generate(first.url, 2);
    await tab.until(`${numberOf('Sessions')} === 2`);
    const exited = once(first.child, 'exit');
    first.child.kill('SIGTERM');
    assert.match(await tab.until(`${connection} !== 'Live' && ${connection}`), /^Disconnected \(.*\), retrying in \d+ s$/);
    await exited;  // or the port is still its
    await startGateway([], {port});
    await tab.until(`${connection} === 'Live' && ${numberOf('Sessions')} === 0`);
});
