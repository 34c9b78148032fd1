// SPDX-License-Identifier: Apache-2.0
//
// Programs under test, which are ended with the tests. GATEWAY and FAKE_UPSTREAM name them.
import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {after} from 'node:test';

const children = [];

/// Starts a program that says where it listens; its URL.
export async function start(program, args, environment = {}) {
    const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit'], env: {...process.env, ...environment}});
    children.push(child);
    for await (const line of createInterface({input: child.stdout})) {
        if (line.startsWith('listening on ')) {
            return line.slice('listening on '.length);
        }
    }
    throw new Error(`${program} ended before it listened`);
}

export const gateway = (args, environment) =>
    start(process.env.GATEWAY,
          ['--port', '0', '--database', ':memory:', '--token-rate', '0', '--log-level', 'error', ...args], environment);

after(() => children.forEach((child) => child.kill('SIGKILL')));
