// SPDX-License-Identifier: Apache-2.0
//
// The gateway's description of itself, which it serves: it is proper OpenAPI, and what the gateway answers is as it says.
//
//     node --test openapi_test.mjs        GATEWAY and FAKE_UPSTREAM name the programs
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';

import {Validator} from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

import {gateway, start} from './programs.mjs';

let url;
let description;
let schemas;

before(async () => {
    url = await gateway([]);
    description = await (await fetch(`${url}/openapi.json`)).json();
    schemas = new Ajv2020({strict: false, allErrors: true});
    addFormats(schemas);
    schemas.addSchema(description, 'description');
});

/// What a reference stands for, or what is there.
function resolved(part) {
    return part.$ref === undefined
        ? part
        : part.$ref.slice(2).split('/').reduce((found, name) => found[name.replaceAll('~1', '/')], description);
}

/// The schema of the responses of an operation with a status.
function schemaOf(path, method, status) {
    const {responses} = description.paths[path][method];
    return resolved(responses[status] ?? responses.default).content['application/json'].schema;
}

/// The response to a request, whose body fits its schema.
async function checked(path, method, target, {at = url, headers, body} = {}) {
    const response = await fetch(at + target, {
        method: method.toUpperCase(),
        headers,
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const schema = schemaOf(path, method, response.status);
    const json = await response.json();
    const fits = schemas.compile(absolute(schema));
    assert.ok(fits(json), `${method} ${target}: ${JSON.stringify(fits.errors)}: ${JSON.stringify(json)}`);
    assert.match(response.headers.get('x-request-id'), /^[0-9a-f]{32}$/);
    return {status: response.status, headers: response.headers, json};
}

/// A schema whose references name the description.
function absolute(schema) {
    return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"description#'));
}

const contents = [{role: 'user', parts: [{text: 'Hello!'}]}];
const generationConfig = {maxOutputTokens: 5};
const messages = [{role: 'user', content: 'Hello!'}];

test('is proper OpenAPI', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(description));
    assert.ok(result.valid, JSON.stringify(result.errors));
    assert.equal(validator.version, '3.1');
    const ids = Object.values(description.paths).flatMap(Object.values).map((operation) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
});

test('a schema that does not fit is noticed', () => {
    const fits = schemas.compile({$ref: 'description#/components/schemas/Error'});
    assert.ok(!fits({error: {code: 'x', status: 200, message: 'x', retryable: false}}));
    assert.ok(!fits({error: {code: 'x', status: 400, message: 'x', retryable: false}, more: 1}));
});

describe('what is answered is as described', () => {
    test('jobs', async () => {
        const accepted = await checked('/generate', 'post', '/generate', {body: {contents, generationConfig}});
        assert.equal(accepted.status, 202);
        assert.equal(accepted.headers.get('location'), `/jobs/${accepted.json.job_id}`);
        const done = await checked('/generate', 'post', '/generate?wait=true', {body: {contents, generationConfig}});
        assert.equal(done.status, 200);
        assert.equal(done.json.status, 'Completed');
        const job = await checked('/jobs/{id}', 'get', `/jobs/${done.json.job_id}`);
        assert.deepEqual(job.json.result, done.json.result);
        assert.equal((await checked('/jobs/{id}', 'delete', `/jobs/${done.json.job_id}`)).status, 409);
        assert.equal((await checked('/jobs/{id}', 'get', '/jobs/nothing')).status, 404);
    });

    test('jobs that are cancelled and that fail', async () => {
        const slow = await start(process.env.GATEWAY, ['--port', '0', '--database', ':memory:', '--token-rate', '1']);
        const pending = await checked('/generate', 'post', '/generate', {at: slow, body: {contents}});
        const target = `/jobs/${pending.json.job_id}`;
        assert.equal((await checked('/jobs/{id}', 'get', target, {at: slow})).json.status, 'Pending');
        const cancelled = await checked('/jobs/{id}', 'delete', target, {at: slow});
        assert.equal(cancelled.status, 200);
        assert.equal(cancelled.json.error.code, 'cancelled');
        const broken = await gateway(['--upstream', 'openai', '--base-url', 'http://127.0.0.1:1', '--model', 'm',
                                      '--max-attempts', '1']);
        const failed = await checked('/generate', 'post', '/generate?wait=true', {at: broken, body: {contents}});
        assert.equal(failed.status, 502);
        assert.equal(failed.json.status, 'Failed');
        const error = await checked('/v1/chat/completions', 'post', '/v1/chat/completions',
                                    {at: broken, body: {model: 'm', messages}});
        assert.equal(error.status, 502);
    });

    test('errors in each API', async () => {
        for (const [path, target] of [['/generate', '/generate'],
                                      ['/v1/chat/completions', '/v1/chat/completions'],
                                      ['/v1beta/models/{model}:generateContent', '/v1beta/models/m:generateContent']]) {
            assert.equal((await checked(path, 'post', target, {body: '{'})).status, 400);
            assert.equal((await checked(path, 'post', target, {headers: {host: 'x', origin: 'http://elsewhere'},
                                                               body: '{}'})).status, 403);
        }
        assert.equal((await checked('/v1/models/{id}', 'get', '/v1/models/other')).status, 404);
        assert.equal((await checked('/v1beta/models/{model}', 'get', '/v1beta/models/other')).status, 404);
    });

    test('completions and models', async () => {
        const body = {contents, generationConfig};
        const chat = {body: {model: 'embedded', messages, max_completion_tokens: 5}};
        const vertex = '/projects/p/locations/l/publishers/google/models/embedded:generateContent';
        const path = '/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent';
        for (const answer of [
                 await checked('/v1/chat/completions', 'post', '/v1/chat/completions', chat),
                 await checked('/v1beta/models/{model}:generateContent', 'post', '/v1beta/models/m:generateContent', {body}),
                 await checked(`/v1${path}`, 'post', `/v1${vertex}`, {body}),
                 await checked(`/v1beta1${path}`, 'post', `/v1beta1${vertex}`, {body}),
                 await checked('/v1/models', 'get', '/v1/models'),
                 await checked('/v1/models/{id}', 'get', '/v1/models/embedded'),
                 await checked('/v1beta/models', 'get', '/v1beta/models'),
                 await checked('/v1beta/models/{model}', 'get', '/v1beta/models/embedded')]) {
            assert.equal(answer.status, 200);
        }
    });

    test('what operators ask', async () => {
        for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json']) {
            assert.equal((await checked(path, 'get', path)).status, 200);
        }
    });
});

test('translated answers of an upstream are as described', async () => {
    const upstream = await start(process.env.FAKE_UPSTREAM, []);
    const at = await gateway(['--upstream', 'openai', '--base-url', upstream, '--model', 'm']);
    const answer = await checked('/v1beta/models/{model}:generateContent', 'post', '/v1beta/models/m:generateContent',
                                 {at, body: {contents}});
    assert.equal(answer.status, 200);
    assert.equal(answer.json.candidates[0].content.parts[0].text, 'echo: Hello!');
});
