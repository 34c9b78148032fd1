// SPDX-License-Identifier: Apache-2.0
// The gateway's events. They are read with fetch, as an EventSource cannot send a token.

const silence = 5_000;      // ms without an event after which the connection is given up
const longest_pause = 15;   // s

/// The data of server-sent events, which come in any pieces.
export class EventParser {
    #rest = '';

    /// The data of the events that text completes.
    feed(text) {
        const blocks = (this.#rest + text).split('\n\n');
        this.#rest = blocks.pop();
        return blocks.flatMap((block) => block.split('\n'))
            .filter((line) => line.startsWith('data: '))
            .map((line) => line.slice('data: '.length));
    }
}

/// Seconds to wait after so many failures in a row.
export const pauseAfter = (failures) => Math.min(2 ** (failures - 1), longest_pause);

/// Whether text can be sent as a token; another one is wrong, whatever the right one is.
export const mayBeToken = (text) => /^[\x21-\x7e]*$/.test(text);

function failure(message, status) {
    const error = new Error(message);
    error.status = status;
    return error;
}

/// Calls onEvent with each event's data, until the stream ends, which it never returns from: it throws why.
async function read(token, onEvent) {
    const controller = new AbortController();
    let timer;
    const expectMore = () => {
        clearTimeout(timer);
        timer = setTimeout(() => controller.abort(new Error('it is silent')), silence);
    };
    expectMore();
    try {
        if (token && !mayBeToken(token)) {
            throw failure('the token cannot be sent', 401);
        }
        const headers = token ? {Authorization: `Bearer ${token}`} : {};
        const response = await fetch('events', {headers, cache: 'no-store', signal: controller.signal});
        if (!response.ok) {
            const body = await response.json().catch(() => ({}));
            throw failure(body.error?.message ?? `status ${response.status}`, response.status);
        }
        const parser = new EventParser();
        const decoder = new TextDecoder();
        for (const reader = response.body.getReader();;) {
            const {done, value} = await reader.read();
            if (done) {
                throw new Error('it has ended the stream');
            }
            expectMore();
            parser.feed(decoder.decode(value, {stream: true})).forEach((data) => onEvent(JSON.parse(data)));
        }
    } finally {
        clearTimeout(timer);
        controller.abort();
    }
}

/// Follows the events for good, and connects again, later and later, whenever that fails.
///
/// onEvent(status); onLost(why, seconds): how long until the next attempt; askToken(wrong): the token, when there is one.
export async function follow({token, onEvent, onLost, askToken}) {
    for (let failures = 0;;) {
        try {
            await read(token, (status) => {
                failures = 0;
                onEvent(status);
            });
        } catch (error) {
            if (error.status === 401) {
                token = await askToken(Boolean(token));
                continue;
            }
            const seconds = pauseAfter(++failures);
            onLost(error.message, seconds);
            await new Promise((resolve) => {
                const goOn = () => {
                    clearTimeout(timer);
                    removeEventListener('online', goOn);
                    resolve();
                };
                const timer = setTimeout(goOn, seconds * 1000);
                addEventListener('online', goOn);
            });
        }
    }
}
