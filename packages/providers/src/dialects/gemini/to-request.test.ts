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

describe('messages for Gemini', () => {
  it('puts every system message into the instruction and joins neighbours of a role', () => {
    const { body } = translate({
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Be short.' }] },
        said('One'),
        { role: 'system', content: [{ type: 'text', text: 'Be kind.' }] },
        said('Two'),
        { role: 'assistant', content: [{ type: 'text', text: 'Three' }] },
        { role: 'assistant', content: [{ type: 'refusal', text: 'I will not.' }] },
      ],
    });
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'Be short.' }, { text: 'Be kind.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'One' }, { text: 'Two' }] },
        { role: 'model', parts: [{ text: 'Three' }, { text: 'I will not.' }] },
      ],
    });
  });

  it('looks the name of a function up from the call, keeps signatures and gives all results of a turn together', () => {
    const { body, dropped } = translate({
      messages: [
        said('Weather?'),
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'Two cities.' },
            { type: 'tool-call', id: 'a', name: 'weather', arguments: '{"city":"Paris"}', signature: 'c2ln' },
            { type: 'tool-call', id: 'b', name: 'time', arguments: '' },
          ],
        },
        { role: 'tool', toolCallId: 'b', content: [{ type: 'text', text: 'no clock' }], isError: true },
        { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: '12 °C' }] },
        said('Thanks'),
      ],
    });
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Weather?' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'a', name: 'weather', args: { city: 'Paris' } }, thoughtSignature: 'c2ln' },
          { functionCall: { id: 'b', name: 'time', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'b', name: 'time', response: { error: 'no clock' } } },
          { functionResponse: { id: 'a', name: 'weather', response: { output: '12 °C' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'Thanks' }] },
    ]);
    expect(dropped).toEqual(['messages.1.content.0 (reasoning)']);
  });

  it('stands in for a signature that is missing, where the model demands one', () => {
    const messages: readonly Message[] = [
      said('Go'),
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', id: 'a', name: 'f', arguments: '{}' },
          { type: 'tool-call', id: 'b', name: 'f', arguments: '{}' },
        ],
      },
      { role: 'tool', toolCallId: 'a', content: [] },
      { role: 'tool', toolCallId: 'b', content: [] },
    ];
    const signatures = (model: string) =>
      translate({ messages }, { model }).body.contents[1]?.parts.map((part) => part['thoughtSignature']);
    expect(signatures('gemini-3-flash-preview')).toEqual(['skip_thought_signature_validator', undefined]);
    expect(signatures('gemini-flash-latest')).toEqual(['skip_thought_signature_validator', undefined]);
    expect(signatures('gemini-2.5-flash')).toEqual([undefined, undefined]);
  });

  it('sends arguments that are no object as text', () => {
    const deep = '['.repeat(10_000) + ']'.repeat(10_000);
    const args = (text: string) =>
      translate({
        messages: [
          said('Go'),
          { role: 'assistant', content: [{ type: 'tool-call', id: 'a', name: 'f', arguments: text }] },
        ],
      }).body.contents[1]?.parts[0]?.['functionCall'];
    expect(args('{"a":')).toMatchObject({ args: { arguments: '{"a":' } });
    expect(args('[1]')).toMatchObject({ args: { arguments: '[1]' } });
    expect(args(`{"a":${deep}}`)).toMatchObject({ args: { arguments: `{"a":${deep}}` } });
  });

  it('turns a result without a call into text', () => {
    const { body } = translate({
      messages: [said('Go'), { role: 'tool', toolCallId: 'gone', content: [{ type: 'text', text: '42' }] }],
    });
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Go' }, { text: 'Result of the tool call gone:' }, { text: '42' }] },
    ]);
  });

  it('answers both of two calls that share an id', () => {
    const { body } = translate({
      messages: [
        said('Go'),
        {
          role: 'assistant',
          content: [
            { type: 'tool-call', id: 'x', name: 'first', arguments: '{}' },
            { type: 'tool-call', id: 'x', name: 'second', arguments: '{}' },
          ],
        },
        { role: 'tool', toolCallId: 'x', content: [{ type: 'text', text: '1' }] },
        { role: 'tool', toolCallId: 'x', content: [{ type: 'text', text: '2' }] },
      ],
    });
    expect(body.contents[2]?.parts.map((part) => (part['functionResponse'] as JsonObject)['name'])).toEqual([
      'first',
      'second',
    ]);
  });

  it('starts with a user turn whatever the conversation starts with', () => {
    expect(translate({ messages: [] }).body.contents).toEqual([
      { role: 'user', parts: [{ text: '(start of the conversation)' }] },
    ]);
    expect(
      translate({ messages: [{ role: 'assistant', content: [{ type: 'text', text: 'Hi' }] }] }).body.contents.map(
        (content) => content.role,
      ),
    ).toEqual(['user', 'model']);
    expect(translate({ messages: [{ role: 'system', content: [{ type: 'text', text: 'Say hi' }] }] }).body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Say hi' }] }],
    });
  });

  it('puts the instruction into the first turn for Gemma, which takes none', () => {
    const { body } = translate(
      { messages: [{ role: 'system', content: [{ type: 'text', text: 'Be short.' }] }, said('Hello')] },
      { model: 'gemma-3-27b-it' },
    );
    expect(body).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Be short.' }, { text: 'Hello' }] }] });
  });

  it('takes as many messages and parts as come', () => {
    const content = Array.from({ length: 200_000 }, () => ({ type: 'text' as const, text: 'a' }));
    const { body } = translate({
      messages: [{ role: 'user', content }, ...Array.from({ length: 50_000 }, () => said('b'))],
    });
    expect(body.contents).toHaveLength(1);
    expect(body.contents[0]?.parts).toHaveLength(250_000);
  });
});

describe('images for Gemini', () => {
  const image = (url: string): Message => ({
    role: 'user',
    content: [{ type: 'image', source: { type: 'url', url } }],
  });

  it('inlines bytes, and a data URL as bytes', () => {
    const { body } = translate({
      messages: [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } }],
        },
        image('data:image/webp;base64,aGk='),
      ],
    });
    expect(body.contents[0]?.parts).toEqual([
      { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
      { inlineData: { mimeType: 'image/webp', data: 'aGk=' } },
    ]);
  });

  it.each([
    ['gemini-2.5-flash', 'https://example.org/a.PNG?x=1', 'image/png'],
    ['gemini-3.7-flash', 'https://example.org/photo', 'image/jpeg'],
    ['gemini-2.0-flash', 'https://generativelanguage.googleapis.com/v1beta/files/abc', 'image/jpeg'],
    ['gemini-2.0-flash', 'gs://bucket/a.webp', 'image/webp'],
  ])('lets %s fetch %s', (model, url, mimeType) => {
    const { body, dropped } = translate({ messages: [image(url)] }, { model });
    expect(body.contents[0]?.parts).toEqual([{ fileData: { mimeType, fileUri: url } }]);
    expect(dropped).toEqual([]);
  });

  it.each([
    ['gemini-2.0-flash', 'https://example.org/a.png'],
    ['gemini-3.7-flash', 'http://example.org/a.png'],
    ['gemini-3.7-flash', 'file:///etc/passwd'],
  ])('reports that %s can not take %s', (model, url) => {
    const { body, dropped } = translate({ messages: [said('See'), image(url)] }, { model });
    expect(body.contents).toEqual([{ role: 'user', parts: [{ text: 'See' }] }]);
    expect(dropped).toEqual(['messages.1.content.0 (image)']);
  });

  it('puts the image of a result into the response, or beside it for older models', () => {
    const messages: readonly Message[] = [
      said('Draw'),
      { role: 'assistant', content: [{ type: 'tool-call', id: 'a', name: 'draw', arguments: '{}', signature: 's' }] },
      {
        role: 'tool',
        toolCallId: 'a',
        content: [
          { type: 'text', text: 'done' },
          { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } },
        ],
      },
    ];
    const inlineData = { mimeType: 'image/png', data: 'aGk=' };
    const response = { id: 'a', name: 'draw', response: { output: 'done' } };
    expect(translate({ messages }).body.contents[2]?.parts).toEqual([
      { functionResponse: { ...response, parts: [{ inlineData }] } },
    ]);
    expect(translate({ messages }, { model: 'gemini-2.5-pro' }).body.contents[2]?.parts).toEqual([
      { functionResponse: response },
      { inlineData },
    ]);
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
    );
  });
});
