// SPDX-License-Identifier: Apache-2.0
//
// The clients that people have, against the gateway by base URL: with the embedded model, and with fake upstreams of both
// kinds, which answer "echo: " and the prompt, and call the first function if there is one.
//
//     node --test clients_test.mjs        GATEWAY and FAKE_UPSTREAM name the programs
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';

import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {GoogleGenAI} from '@google/genai';
import {generateText, jsonSchema, stepCountIs, streamText, tool} from 'ai';
import OpenAI from 'openai';

import {gateway, start} from './programs.mjs';

const openai = (url) => new OpenAI({baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0});
const google = (url) => new GoogleGenAI({apiKey: 'none', httpOptions: {baseUrl: url}});
const aisdk = (url) => createOpenAICompatible({name: 'gateway', baseURL: `${url}/v1`});

const parameters = {type: 'object', properties: {text: {type: 'string'}}, required: ['text']};

describe('the embedded model', () => {
    let url;
    before(async () => { url = await gateway([]); });

    test('openai', async () => {
        const models = [];
        for await (const model of openai(url).models.list()) {
            models.push(model.id);
        }
        assert.deepEqual(models, ['embedded']);
        assert.equal((await openai(url).models.retrieve('embedded')).object, 'model');
        const answer = await openai(url).chat.completions.create(
            {model: 'embedded', messages: [{role: 'user', content: 'Hello!'}], max_completion_tokens: 5});
        assert.equal(answer.object, 'chat.completion');
        assert.ok(answer.choices[0].message.content.length > 0);
        assert.equal(answer.usage.prompt_tokens, 1);
        const stream = await openai(url).chat.completions.create({
            model: 'embedded',
            messages: [{role: 'user', content: 'Hello!'}],
            stream: true,
            stream_options: {include_usage: true},
        });
        let text = '';
        let usage;
        for await (const chunk of stream) {
            text += chunk.choices[0]?.delta?.content ?? '';
            usage = chunk.usage ?? usage;
        }
        assert.ok(text.length > 0);
        assert.equal(usage.prompt_tokens, 1);
        const running = openai(url).chat.completions.stream(
            {model: 'embedded', messages: [{role: 'user', content: 'Hello!'}], max_completion_tokens: 5});
        const final = await running.finalChatCompletion();
        assert.equal(final.choices[0].message.content.split(' ').length, 5);
        await assert.rejects(openai(url).models.retrieve('other'),
                             (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
    });

    test('@google/genai', async () => {
        const answer = await google(url).models.generateContent(
            {model: 'embedded', contents: 'Hello!', config: {maxOutputTokens: 5, systemInstruction: 'Be brief.'}});
        assert.ok(answer.text.length > 0);
        assert.equal(answer.modelVersion, 'embedded');
        const pager = await google(url).models.list();
        assert.deepEqual(pager.page.map((model) => model.name), ['models/embedded']);
        let text = '';
        let last;
        for await (const part of await google(url).models.generateContentStream(
                       {model: 'embedded', contents: 'Hello!', config: {maxOutputTokens: 5}})) {
            text += part.text ?? '';
            last = part;
        }
        assert.equal(text.split(' ').length, 5);
        assert.equal(last.candidates[0].finishReason, 'MAX_TOKENS');
        assert.equal(last.usageMetadata.candidatesTokenCount, 5);
    });

    test('ai with @ai-sdk/openai-compatible', async () => {
        const {text, usage} =
            await generateText({model: aisdk(url)('embedded'), prompt: 'Hello!', maxOutputTokens: 5, maxRetries: 0});
        assert.ok(text.length > 0);
        assert.equal(usage.inputTokens, 1);
        const streamed = streamText({model: aisdk(url)('embedded'), prompt: 'Hello!', maxOutputTokens: 5, maxRetries: 0});
        let words = '';
        for await (const piece of streamed.textStream) {
            words += piece;
        }
        assert.equal(words.split(' ').length, 5);
        assert.equal(await streamed.finishReason, 'length');
    });
});

for (const kind of ['openai', 'vertex']) {
    describe(`an upstream of the kind ${kind}`, () => {
        let url;
        before(async () => {
            const upstream = await start(process.env.FAKE_UPSTREAM, []);
            const args = ['--upstream', kind, '--base-url', upstream, '--model', 'm'];
            url = kind === 'openai' ? await gateway(args)
                                    : await gateway([...args, '--project', 'p'], {GATEWAY_ACCESS_TOKEN: 'token'});
        });

        test('openai', async () => {
            const messages = [{role: 'user', content: 'a b'}];
            const tools = [{type: 'function', function: {name: 'f', parameters}}];
            const first = await openai(url).chat.completions.create({model: 'm', messages, tools});
            assert.equal(first.choices[0].finish_reason, 'tool_calls');
            const [call] = first.choices[0].message.tool_calls;
            assert.deepEqual(JSON.parse(call.function.arguments), {text: 'a b'});
            messages.push(first.choices[0].message, {role: 'tool', tool_call_id: call.id, content: '{"x":1}'});
            const second = await openai(url).chat.completions.create({model: 'm', messages, tools});
            assert.equal(second.choices[0].message.content, 'echo: {"x":1}');
            const streamed = await openai(url)
                                 .chat.completions
                                 .stream({model: 'm', messages: messages.slice(0, 1), tools})
                                 .finalChatCompletion();
            assert.equal(streamed.choices[0].finish_reason, 'tool_calls');
            assert.deepEqual(JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments), {text: 'a b'});
            await assert.rejects(openai(url).chat.completions.create({model: 'n', messages}),
                                 (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
        });

        test('@google/genai', async () => {
            const config = {tools: [{functionDeclarations: [{name: 'f', parametersJsonSchema: parameters}]}]};
            const contents = [{role: 'user', parts: [{text: 'a b'}]}];
            const first = await google(url).models.generateContent({model: 'm', contents, config});
            assert.equal(first.functionCalls[0].name, 'f');
            assert.deepEqual(first.functionCalls[0].args, {text: 'a b'});
            const {id, name} = first.functionCalls[0];
            contents.push(first.candidates[0].content,
                          {role: 'user', parts: [{functionResponse: {id, name, response: {x: 1}}}]});
            const second = await google(url).models.generateContent({model: 'm', contents, config});
            assert.equal(second.text, 'echo: {"x":1}');
            const calls = [];
            for await (const part of await google(url).models.generateContentStream(
                           {model: 'm', contents: contents.slice(0, 1), config})) {
                calls.push(...(part.functionCalls ?? []));
            }
            assert.deepEqual(calls.map(({name, args}) => ({name, args})), [{name: 'f', args: {text: 'a b'}}]);
            await assert.rejects(google(url).models.generateContent({model: 'n', contents: 'a'}),
                                 (error) => error.status === 404);
        });

        test('ai with @ai-sdk/openai-compatible', async () => {
            const asked = [];
            const {text} = await generateText({
                model: aisdk(url)('m'),
                prompt: 'a b',
                maxRetries: 0,
                stopWhen: stepCountIs(3),
                tools: {
                    f: tool({
                        inputSchema: jsonSchema(parameters),
                        execute: async (input) => {
                            asked.push(input);
                            return {x: 1};
                        },
                    }),
                },
            });
            assert.deepEqual(asked, [{text: 'a b'}]);
            assert.equal(text, 'echo: {"x":1}');
        });

        test('an upstream that breaks off', async () => {
            const upstream = await start(process.env.FAKE_UPSTREAM, ['--behaviours', 'half']);
            const args = ['--upstream', kind, '--base-url', upstream, '--model', 'm'];
            const broken = kind === 'openai' ? await gateway(args)
                                             : await gateway([...args, '--project', 'p'], {GATEWAY_ACCESS_TOKEN: 'token'});
            let text = '';
            await assert.rejects(async () => {
                for await (const chunk of await openai(broken).chat.completions.create(
                               {model: 'm', messages: [{role: 'user', content: 'a b'}], stream: true})) {
                    text += chunk.choices[0]?.delta?.content ?? '';
                }
            }, (error) => error instanceof OpenAI.APIError && error.code === 'upstream_failed');
            assert.ok(text.startsWith('echo:'), text);
            text = '';
            await assert.rejects(async () => {
                for await (const part of await google(broken).models.generateContentStream({model: 'm', contents: 'a b'})) {
                    text += part.text ?? '';
                }
            }, (error) => error.message.includes('UPSTREAM_FAILED'));
            assert.ok(text.startsWith('echo:'), text);
            const seen = [];
            const {fullStream} = streamText({model: aisdk(broken)('m'), prompt: 'a b', maxRetries: 0, onError: () => {}});
            for await (const part of fullStream) {
                seen.push(part.type);
            }
            assert.ok(seen.includes('text-delta') && seen.includes('error'), seen.join());
        });
    });
}
