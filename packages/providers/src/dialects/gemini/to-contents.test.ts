import { describe, expect, it } from '@jest/globals';
import type { Message } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { modelTraits } from './model-traits.js';
import { type GeminiConversation, toContents } from './to-contents.js';

function translate(messages: readonly Message[], model = 'gemini-3.1-pro-preview'): GeminiConversation {
  return toContents(messages, modelTraits(model));
}

function said(text: string): Message {
  return { role: 'user', content: [{ type: 'text', text }] };
}

function answered(text: string): Message {
  return { role: 'assistant', content: [{ type: 'text', text }] };
}

function instructed(text: string): Message {
  return { role: 'system', content: [{ type: 'text', text }] };
}

function called(id: string, name = 'f', text = '{}'): Message {
  return { role: 'assistant', content: [{ type: 'tool-call', id, name, arguments: text }] };
}

describe('messages for Gemini', () => {
  it('are one instruction and turns in which neighbours of a role are joined', () => {
    const conversation = translate([
      instructed('Be short.'),
      said('One'),
      instructed('Be kind.'),
      said('Two'),
      answered('Three'),
      { role: 'assistant', content: [{ type: 'refusal', text: 'I will not.' }] },
    ]);
    expect(conversation).toEqual({
      systemInstruction: { parts: [{ text: 'Be short.' }, { text: 'Be kind.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'One' }, { text: 'Two' }] },
        { role: 'model', parts: [{ text: 'Three' }, { text: 'I will not.' }] },
      ],
      dropped: [],
    });
  });

  it('find the name of a function by its call, keep signatures and give all results of a turn together', () => {
    const { contents, dropped } = translate([
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
    ]);
    expect(contents).toEqual([
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

  it.each([
    ['gemini-3-flash-preview', ['skip_thought_signature_validator', undefined]],
    ['gemini-flash-latest', ['skip_thought_signature_validator', undefined]],
    ['gemini-2.5-flash', [undefined, undefined]],
  ])('have a stand-in for a missing signature where %s demands one', (model, expected) => {
    const call = (id: string) => ({ type: 'tool-call', id, name: 'f', arguments: '{}' }) as const;
    const { contents } = translate([said('Go'), { role: 'assistant', content: [call('a'), call('b')] }], model);
    expect(contents[1]?.parts.map((part) => part['thoughtSignature'])).toEqual(expected);
  });

  it('hold arguments that are no object as text', () => {
    const deep = `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
    for (const text of ['{"a":', '[1]', '"a"', deep]) {
      const call = translate([said('Go'), called('a', 'f', text)]).contents[1]?.parts[0]?.['functionCall'];
      expect(call).toMatchObject({ args: { arguments: text } });
    }
  });

  it('hold a result without a call as text', () => {
    const result = { role: 'tool', toolCallId: 'gone', content: [{ type: 'text', text: '42' }] } as const;
    expect(translate([said('Go'), result]).contents).toEqual([
      { role: 'user', parts: [{ text: 'Go' }, { text: 'Result of the tool call gone:' }, { text: '42' }] },
    ]);
  });

  it('answer both of two calls that share an id', () => {
    const result = (text: string) => ({ role: 'tool', toolCallId: 'x', content: [{ type: 'text', text }] }) as const;
    const { contents } = translate([said('Go'), called('x', 'first'), called('x', 'second'), result('1'), result('2')]);
    const names = contents[2]?.parts.map((part) => (part['functionResponse'] as JsonObject)['name']);
    expect(names).toEqual(['first', 'second']);
  });

  it('start with a turn of the user whatever the conversation starts with', () => {
    const start = { role: 'user', parts: [{ text: '(start of the conversation)' }] };
    expect(translate([]).contents).toEqual([start]);
    expect(translate([answered('Hi')]).contents).toEqual([start, { role: 'model', parts: [{ text: 'Hi' }] }]);
    expect(translate([instructed('Say hi')])).toEqual({
      systemInstruction: undefined,
      contents: [{ role: 'user', parts: [{ text: 'Say hi' }] }],
      dropped: [],
    });
  });

  it('have the instruction in the first turn for Gemma, which takes none', () => {
    const gemma = (...messages: readonly Message[]) => translate(messages, 'gemma-3-27b-it');
    const first = { role: 'user', parts: [{ text: 'Be short.' }, { text: 'Hello' }] };
    expect(gemma(instructed('Be short.'), said('Hello'))).toMatchObject({
      systemInstruction: undefined,
      contents: [first],
    });
    expect(gemma(instructed('Be short.'), answered('Hi')).contents.map(({ role }) => role)).toEqual(['user', 'model']);
  });

  it('are taken however many there are, of however many parts', () => {
    const content = Array.from({ length: 200_000 }, () => ({ type: 'text' as const, text: 'a' }));
    const { contents } = translate([{ role: 'user', content }, ...Array.from({ length: 50_000 }, () => said('b'))]);
    expect(contents).toHaveLength(1);
    expect(contents[0]?.parts).toHaveLength(250_000);
  });
});

describe('images for Gemini', () => {
  const image = (url: string): Message => ({
    role: 'user',
    content: [{ type: 'image', source: { type: 'url', url } }],
  });
  const png = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } } as const;

  it('are inline where they are bytes or a data URL', () => {
    const { contents } = translate([{ role: 'user', content: [png] }, image('data:image/webp;base64,aGk=')]);
    expect(contents[0]?.parts).toEqual([
      { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
      { inlineData: { mimeType: 'image/webp', data: 'aGk=' } },
    ]);
  });

  it.each([
    ['gemini-2.5-flash', 'https://example.org/a.PNG?x=1', 'image/png'],
    ['gemini-3.7-flash', 'https://example.org/photo', 'image/jpeg'],
    ['gemini-2.0-flash', 'https://generativelanguage.googleapis.com/v1beta/files/abc', 'image/jpeg'],
    ['gemini-2.0-flash', 'gs://bucket/a.webp', 'image/webp'],
  ])('are fetched for %s from %s', (model, url, mimeType) => {
    const { contents, dropped } = translate([image(url)], model);
    expect(contents[0]?.parts).toEqual([{ fileData: { mimeType, fileUri: url } }]);
    expect(dropped).toEqual([]);
  });

  it.each([
    ['gemini-2.0-flash', 'https://example.org/a.png'],
    ['gemini-3.7-flash', 'http://example.org/a.png'],
    ['gemini-3.7-flash', 'file:///etc/passwd'],
  ])('are reported where %s can not take %s', (model, url) => {
    const { contents, dropped } = translate([said('See'), image(url)], model);
    expect(contents).toEqual([{ role: 'user', parts: [{ text: 'See' }] }]);
    expect(dropped).toEqual(['messages.1.content.0 (image)']);
  });

  it('of a result are in the response, or beside it for older models', () => {
    const result = { role: 'tool', toolCallId: 'a', content: [{ type: 'text', text: 'done' }, png] } as const;
    const messages = [said('Draw'), called('a', 'draw'), result];
    const inlineData = { mimeType: 'image/png', data: 'aGk=' };
    const response = { id: 'a', name: 'draw', response: { output: 'done' } };
    expect(translate(messages).contents[2]?.parts).toEqual([
      { functionResponse: { ...response, parts: [{ inlineData }] } },
    ]);
    expect(translate(messages, 'gemini-2.5-pro').contents[2]?.parts).toEqual([
      { functionResponse: response },
      { inlineData },
    ]);
  });
});
