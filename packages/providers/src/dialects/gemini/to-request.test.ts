import { describe, expect, it } from '@jest/globals';
import type { ChatRequest, Message } from '@moltbot/contracts';
import fc from 'fast-check';
import type { JsonObject } from '../../caller-request.js';
import { chatRequest } from '../../testing/chat-request-arbitrary.js';
import type { ChatTurn } from '../../wire.js';
import { toRequest } from './to-request.js';

interface Content {
  readonly role: string;
  readonly parts: readonly JsonObject[];
}

interface Body {
  readonly contents: readonly Content[];
  readonly systemInstruction?: Content;
  readonly tools?: readonly { readonly functionDeclarations: readonly JsonObject[] }[];
  readonly toolConfig?: JsonObject;
  readonly generationConfig?: JsonObject;
}

function turnOf(request: Partial<ChatRequest>, options: Partial<ChatTurn> = {}): ChatTurn {
  return {
    model: 'gemini-3.1-pro-preview',
    stream: false,
    streamUsage: true,
    defaultMaxOutputTokens: 4_096,
    request: { messages: [said('Hello')], unknownFields: [], ...request },
    ...options,
  };
}

function said(text: string): Message {
  return { role: 'user', content: [{ type: 'text', text }] };
}

function translate(
  request: Partial<ChatRequest>,
  options: Partial<ChatTurn> = {},
): { readonly body: Body; readonly dropped: readonly string[]; readonly path: string } {
  const { body, dropped, path } = toRequest(turnOf(request, options));
  return { body: JSON.parse(body.toString()) as Body, dropped, path };
}

describe('the path of a Gemini request', () => {
  it.each([
    ['gemini-2.5-flash', false, '/models/gemini-2.5-flash:generateContent'],
    ['gemini-2.5-flash', true, '/models/gemini-2.5-flash:streamGenerateContent?alt=sse'],
    ['models/gemini-2.5-flash', false, '/models/gemini-2.5-flash:generateContent'],
    ['tunedModels/mine-1', false, '/tunedModels/mine-1:generateContent'],
    ['../v1/files?key=x#', false, '/models/..%2Fv1%2Ffiles%3Fkey%3Dx%23:generateContent'],
    ['models/../../x', false, '/models/..%2F..%2Fx:generateContent'],
    ['a b\ud800', false, '/models/a%20b%EF%BF%BD:generateContent'],
  ])('keeps %p in its segment', (model, stream, path) => {
    expect(translate({}, { model, stream }).path).toBe(path);
  });
});

describe('settings for Gemini', () => {
  it('maps what has a word and reports what has none', () => {
    const { body, dropped } = translate({
      maxOutputTokens: 10,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      frequencyPenalty: 1,
      presencePenalty: -1,
      stop: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
      seed: 7,
      choices: 3,
      user: 'u-1',
      metadata: { a: 'b' },
      unknownFields: ['logit_bias'],
    });
    expect(body.generationConfig).toEqual({
      maxOutputTokens: 10,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      frequencyPenalty: 1,
      presencePenalty: -1,
      stopSequences: ['a', 'b', 'c', 'd', 'e'],
      seed: 7,
    });
    expect(dropped).toEqual(['logit_bias', 'choices', 'user', 'metadata', 'stop.5', 'stop.6']);
  });

  it('reports a seed beyond 32 bits and the penalties that 2.5 refuses', () => {
    const { body, dropped } = translate(
      { seed: 3_000_000_000, frequencyPenalty: 1, presencePenalty: 0 },
      { model: 'gemini-2.5-flash' },
    );
    expect(body.generationConfig).toBeUndefined();
    expect(dropped).toEqual(['frequency_penalty', 'presence_penalty', 'seed']);
  });

  it.each([
    ['gemini-3.1-pro-preview', { effort: 'minimal' }, { thinkingLevel: 'low', includeThoughts: true }, []],
    ['gemini-3-flash-preview', { effort: 'minimal' }, { thinkingLevel: 'minimal', includeThoughts: true }, []],
    ['gemini-3.7-flash', { effort: 'minimal' }, { thinkingLevel: 'low', includeThoughts: true }, []],
    ['gemini-4-argon', { effort: 'xhigh' }, { thinkingLevel: 'high', includeThoughts: true }, []],
    ['gemini-4-argon', { effort: 'none' }, { thinkingLevel: 'low' }, ['reasoning.effort']],
    ['gemini-4-argon', { budgetTokens: 10_000 }, { thinkingLevel: 'medium', includeThoughts: true }, []],
    ['gemini-4-argon', {}, { includeThoughts: true }, []],
    ['gemini-2.5-flash', { effort: 'none' }, { thinkingBudget: 0 }, []],
    ['gemini-2.5-pro', { effort: 'none' }, { thinkingBudget: 128 }, ['reasoning.effort']],
    ['gemini-2.5-pro', { effort: 'max' }, { thinkingBudget: 32_768, includeThoughts: true }, []],
    ['gemini-2.5-flash', { budgetTokens: 99_999 }, { thinkingBudget: 24_576, includeThoughts: true }, []],
    ['gemini-2.5-flash-lite', { budgetTokens: 100 }, { thinkingBudget: 512, includeThoughts: true }, []],
    ['gemini-2.0-flash', { effort: 'high' }, undefined, ['reasoning']],
    ['gemini-2.0-flash', { effort: 'none' }, undefined, []],
    ['gemini-3-pro-image-preview', { effort: 'high' }, undefined, ['reasoning']],
  ] as const)('asks %s to think as %j says', (model, reasoning, thinkingConfig, expected) => {
    const { body, dropped } = translate({ reasoning }, { model });
    expect(body.generationConfig?.['thinkingConfig']).toEqual(thinkingConfig);
    expect(dropped).toEqual(expected);
  });

  it('asks for JSON of a schema', () => {
    const schema = { type: 'object', properties: { a: { const: 'x' } }, additionalProperties: false };
    const { body } = translate({ responseFormat: { type: 'json-schema', name: 'n', schema, strict: true } });
    expect(body.generationConfig).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object', properties: { a: { enum: ['x'] } }, additionalProperties: false },
    });
    expect(translate({ responseFormat: { type: 'json' } }).body.generationConfig).toEqual({
      responseMimeType: 'application/json',
    });
    expect(translate({ responseFormat: { type: 'text' } }).body.generationConfig).toBeUndefined();
  });

  it('reports a format beside tools, which models before the third generation refuse', () => {
    const request = { responseFormat: { type: 'json' }, tools: [{ name: 'f' }] } as const;
    expect(translate(request, { model: 'gemini-2.5-pro' }).dropped).toEqual(['response_format']);
    expect(translate(request).dropped).toEqual([]);
  });
});

describe('tools for Gemini', () => {
  it('declares functions, without a schema where there is nothing to fill in', () => {
    const { body, dropped } = translate({
      tools: [
        { name: 'now' },
        { name: 'ping', description: 'Pings', parameters: { type: 'object', properties: {} } },
        {
          name: 'find',
          parameters: { $schema: 'x', type: 'object', properties: { q: { type: 'string', contentEncoding: 'x' } } },
        },
      ],
      parallelToolCalls: false,
    });
    expect(body.tools).toEqual([
      {
        functionDeclarations: [
          { name: 'now' },
          { name: 'ping', description: 'Pings' },
          { name: 'find', parametersJsonSchema: { type: 'object', properties: { q: { type: 'string' } } } },
        ],
      },
    ]);
    expect(body.toolConfig).toBeUndefined();
    expect(dropped).toEqual(['parallel_tool_calls', 'tools.2.parameters (parts)']);
  });

  it.each([
    ['auto', false, { mode: 'AUTO' }],
    ['auto', true, { mode: 'VALIDATED' }],
    [undefined, true, { mode: 'VALIDATED' }],
    ['none', false, { mode: 'NONE' }],
    ['required', true, { mode: 'ANY' }],
    [{ tool: 'f' }, false, { mode: 'ANY', allowedFunctionNames: ['f'] }],
  ] as const)('says a choice of %j (strict: %j)', (toolChoice, strict, functionCallingConfig) => {
    const { body } = translate({ tools: [{ name: 'f', strict }], toolChoice });
    expect(body.toolConfig).toEqual({ functionCallingConfig });
  });

  it('says nothing of a choice without tools', () => {
    expect(translate({ toolChoice: 'auto' }).body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
    });
  });
});

describe('any request for Gemini', () => {
  it('is translated so that the API takes its shape, and goes on with a broken answer', () => {
    const models = fc.constantFrom('gemini-2.0-flash', 'gemini-2.5-pro', 'gemini-3.7-flash', 'gemma-4-26b', 'other');
    const continuation = fc.option(
      fc.record({ rung: fc.constantFrom('prefill' as const, 'continue' as const), text: fc.string({ minLength: 1 }) }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(chatRequest(), models, continuation, (request, model, rest) => {
        const { body, dropped } = translate(request, { model, continuation: rest });
        expect(new Set(dropped).size).toBe(dropped.length);
        expect(body.contents[0]?.role).toBe('user');
        for (const content of body.contents) {
          expect(content.parts.length).toBeGreaterThan(0);
          for (const part of content.parts) expect(part['text']).not.toBe('');
        }
        for (const [index, content] of body.contents.entries()) {
          const responses = content.parts.filter((part) => part['functionResponse'] !== undefined);
          if (responses.length === 0) continue;
          const calls = body.contents[index - 1]?.parts.filter((part) => part['functionCall'] !== undefined);
          expect(calls).toHaveLength(responses.length);
        }
        if (rest === undefined) return;
        const broken = body.contents.at(rest.rung === 'prefill' ? -1 : -2);
        expect(broken).toMatchObject({ role: 'model' });
        expect(broken?.parts.at(-1)).toEqual({ text: rest.text });
      }),
      { numRuns: 60 },
    );
  });
});
