// SPDX-License-Identifier: Apache-2.0
//
// Chromium without a window, told what to do through the DevTools protocol: JSON texts on two pipes, each of which ends
// with a zero byte. Takes nothing but Node.
import {spawn} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export class Browser {
    #process;
    #profile;
    #next = 1;
    #replies = new Map();
    #listeners = [];
    #failure = null;

    /// Starts the program.
    static async start(program) {
        const browser = new Browser();
        browser.#profile = await mkdtemp(join(tmpdir(), 'gateway-page-'));
        // A container's root has no user namespaces for the sandbox, and a small /dev/shm.
        browser.#process = spawn(program, [
            '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run',
            '--disable-background-networking', '--remote-debugging-pipe', `--user-data-dir=${browser.#profile}`,
        ], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
        browser.#listen(browser.#process.stdio[4]);
        browser.#process.on('exit', () => browser.#fail(new Error('the browser has ended')));
        browser.#process.on('error', (error) => browser.#fail(error));
        browser.#process.stdio[3].on('error', (error) => browser.#fail(error));
        return browser;
    }

    async close() {
        if (!this.#failure) {
            const ended = new Promise((resolve) => this.#process.once('exit', resolve));
            this.send('Browser.close').catch(() => {});
            await ended;
        }
        await rm(this.#profile, {recursive: true, force: true, maxRetries: 5, retryDelay: 100});
    }

    /// A new tab.
    async open() {
        const {targetId} = await this.send('Target.createTarget', {url: 'about:blank'});
        const {sessionId} = await this.send('Target.attachToTarget', {targetId, flatten: true});
        return Tab.begin(this, sessionId);
    }

    /// The result of a method of the protocol.
    send(method, params = {}, sessionId = undefined) {
        if (this.#failure) {
            return Promise.reject(this.#failure);
        }
        const id = this.#next++;
        this.#process.stdio[3].write(JSON.stringify({id, method, params, sessionId}) + '\0');
        return new Promise((resolve, reject) => this.#replies.set(id, {resolve, reject, method}));
    }

    /// Has listener(method, params) called for each event of a tab.
    on(sessionId, listener) { this.#listeners.push({sessionId, listener}); }

    #listen(pipe) {
        let rest = '';
        pipe.setEncoding('utf8');
        pipe.on('data', (text) => {
            const messages = (rest + text).split('\0');
            rest = messages.pop();
            messages.forEach((message) => this.#take(JSON.parse(message)));
        });
    }

    #take({id, result, error, method, params, sessionId}) {
        if (id === undefined) {
            this.#listeners.filter((row) => row.sessionId === sessionId).forEach((row) => row.listener(method, params));
            return;
        }
        const reply = this.#replies.get(id);
        this.#replies.delete(id);
        if (error) {
            reply.reject(new Error(`${reply.method}: ${error.message}`));
        } else {
            reply.resolve(result);
        }
    }

    #fail(error) {
        this.#failure = error;
        this.#replies.forEach((reply) => reply.reject(error));
        this.#replies.clear();
    }
}

class Tab {
    /// What the page and the browser have complained of: exceptions, console.error, resources, content policies.
    complaints = [];
    #browser;
    #session;

    static async begin(browser, session) {
        const tab = new Tab();
        tab.#browser = browser;
        tab.#session = session;
        browser.on(session, (method, params) => tab.#hear(method, params));
        for (const domain of ['Page', 'Runtime', 'Log']) {
            await tab.send(`${domain}.enable`);
        }
        return tab;
    }

    send(method, params = {}) { return this.#browser.send(method, params, this.#session); }

    /// What an expression is in the page, as JSON can say it.
    async evaluate(expression) {
        const {result, exceptionDetails} =
            await this.send('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
        if (exceptionDetails) {
            throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
        }
        return result.value;
    }

    /// Waits until an expression is true; its value. Throws after half a minute, for then it will not be.
    async until(expression) {
        for (const end = Date.now() + 30_000; Date.now() < end;) {
            const value = await this.evaluate(expression);
            if (value) {
                return value;
            }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`${expression} is not true, but ${await this.evaluate('document.body.innerText')}`);
    }

    /// Goes to url, and waits until the page is complete.
    async go(url) {
        await this.send('Page.navigate', {url});
        await this.until(`location.href !== 'about:blank' && document.readyState === 'complete'`);
    }

    /// Clicks in the middle of the element that selector finds, as a mouse does.
    async click(selector) {
        const {x, y} = await this.evaluate(`(() => {
            const found = document.querySelector(${JSON.stringify(selector)});
            found.scrollIntoView({block: 'center'});
            const box = found.getBoundingClientRect();
            return {x: box.x + box.width / 2, y: box.y + box.height / 2};
        })()`);
        for (const type of ['mousePressed', 'mouseReleased']) {
            await this.send('Input.dispatchMouseEvent', {type, x, y, button: 'left', clickCount: 1});
        }
    }

    /// Types text where the focus is.
    type(text) { return this.send('Input.insertText', {text}); }

    /// Width in CSS pixels.
    resize(width, height, mobile = false) {
        return this.send('Emulation.setDeviceMetricsOverride', {width, height, mobile, deviceScaleFactor: 1});
    }

    /// prefer({'color-scheme': 'dark'})
    prefer(preferences) {
        const features = Object.entries(preferences).map(([name, value]) => ({name: `prefers-${name}`, value}));
        return this.send('Emulation.setEmulatedMedia', {features});
    }

    /// A PNG of what is in view, in base64.
    async screenshot() { return (await this.send('Page.captureScreenshot', {format: 'png'})).data; }

    #hear(method, params) {
        if (method === 'Runtime.exceptionThrown') {
            this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        } else if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) {
            this.complaints.push(params.args.map((arg) => arg.value ?? arg.description).join(' '));
        } else if (method === 'Log.entryAdded' && ['error', 'warning'].includes(params.entry.level)) {
            this.complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`);
        }
    }
}
