import { describe, expect, it } from '@jest/globals';
import { type ExampleForm, readTrainingExample } from './training-example.js';

const user = { role: 'user', content: 'Hi' };
const assistant = { role: 'assistant', content: 'Hello.' };
const call = (id = 'c1', values: object = {}) => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: '{"city":"Ulm"}' },
  ...values,
});
const calling = (...calls: object[]) => ({ role: 'assistant', content: null, tool_calls: calls });
const answer = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'rain' });
const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }];

const read = (value: unknown, form: ExampleForm = 'supervised', minRating?: number) =>
  readTrainingExample(typeof value === 'string' ? value : JSON.stringify(value), { form, minRating });
const faultOf = (value: unknown, form?: ExampleForm) => {
  const example = read(value, form);
  return example.type === 'fault' ? example.message : example;
};

describe('readTrainingExample', () => {
  it('reads a conversation, with an estimate of its tokens', () => {
    const line = { messages: [{ role: 'system', content: 'Be brief.' }, user, assistant] };
    expect(read(line)).toEqual({
      type: 'example',
      text: JSON.stringify(line),
      messages: 3,
      tokens: 3 * 4 + 3 + 1 + 2,
      leftOut: 0,
    });
  });

  it('reads calls of tools and their answers, images, and messages that are not learned', () => {
    const image = {
      role: 'user',
      content: [
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: 'https://x/y.png' } },
      ],
    };
    const line = {
      messages: [
        image,
        { ...assistant, weight: 0 },
        user,
        calling(call('a'), call('b')),
        answer('b'),
        answer('a'),
        assistant,
      ],
      tools,
      parallel_tool_calls: true,
    };
    expect(read(line)).toMatchObject({ type: 'example', messages: 7, leftOut: 0 });
    expect(read({ messages: [user, calling(call())], tools })).toMatchObject({ type: 'example' });
  });

  it('leaves out what an export holds besides', () => {
    const line = {
      id: 7,
      rating: 5,
      messages: [
        { ...user, at: 'now' },
        { ...assistant, model: 'x', name: null },
      ],
    };
    expect(read(line)).toMatchObject({
      type: 'example',
      text: JSON.stringify({ messages: [user, assistant] }),
      leftOut: 3,
    });
  });

  it('takes conversations from a rating on', () => {
    const rated = (values: object) => read({ messages: [user, assistant], ...values }, 'supervised', 4);
    expect(rated({ rating: 4 })).toMatchObject({ type: 'example' });
    expect(rated({ score: 4.5 })).toMatchObject({ type: 'example' });
    expect(rated({ rating: 3.9 })).toEqual({ type: 'below-rating' });
    expect(rated({ rating: 3, messages: 'none' })).toEqual({ type: 'below-rating' });
    expect(read({ messages: [user, assistant], rating: true }, 'supervised', 1)).toMatchObject({ type: 'example' });
    expect(read({ messages: [user, assistant], rating: false }, 'supervised', 1)).toEqual({ type: 'below-rating' });
    for (const values of [{}, { rating: 'good' }, { score: null }]) {
      expect(rated(values)).toMatchObject({
        type: 'fault',
        message: expect.stringMatching(/^(rating|score): expected a number/),
      });
    }
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{"messages"', 'expected one valid JSON object.'],
    ['no object', '[1]', 'expected one JSON object.'],
    ['no messages', {}, 'messages: expected a list that is not empty.'],
    ['empty messages', { messages: [] }, 'messages: expected a list that is not empty.'],
    ['a message that is none', { messages: ['hi'] }, 'messages.0: expected an object.'],
    [
      'an unknown role',
      { messages: [{ ...user, role: 'bot' }] },
      'messages.0.role: expected one of system, developer, user, assistant, tool.',
    ],
    [
      'no content',
      { messages: [{ role: 'user' }, assistant] },
      'messages.0.content: expected a list that is not empty.',
    ],
    [
      'empty content',
      { messages: [{ ...user, content: '' }, assistant] },
      'messages.0.content: expected a text that is not empty.',
    ],
    [
      'an unknown part',
      { messages: [{ ...user, content: [{ type: 'audio' }] }, assistant] },
      'messages.0.content.0.type: expected "text" or "image_url".',
    ],
    [
      'an image of the assistant',
      { messages: [user, { ...assistant, content: [{ type: 'image_url' }] }] },
      'messages.1.content.0.type: expected "text".',
    ],
    [
      'another one at the end',
      { messages: [assistant, user] },
      'messages.1.role: expected "assistant": the last message is learned.',
    ],
    [
      'an empty last message',
      { messages: [user, { role: 'assistant', content: '' }] },
      'messages.1.content: expected a text, because the message calls no tool.',
    ],
    ['another weight', { messages: [user, { ...assistant, weight: 2 }] }, 'messages.1.weight: expected 0 or 1.'],
    [
      'an answer without a call',
      { messages: [user, answer('c1'), assistant] },
      'messages.1.tool_call_id: expected the id of a call that the assistant’s message before it makes.',
    ],
    [
      'a call without an answer',
      { messages: [user, calling(call()), assistant] },
      'messages.2: expected the tool’s answer to the call "c1" first.',
    ],
    [
      'calls of one id',
      { messages: [user, calling(call(), call())] },
      'messages.1.tool_calls.1.id: expected an id that no other call has.',
    ],
    [
      'arguments that are no JSON',
      { messages: [user, calling(call('a', { function: { name: 'x', arguments: '{' } }))] },
      'messages.1.tool_calls.0.function.arguments: expected a text that is JSON.',
    ],
    [
      'an unknown tool',
      { messages: [user, calling(call('a', { function: { name: 'x', arguments: '{}' } }))], tools },
      'messages.1.tool_calls.0.function.name: expected the name of one of the tools.',
    ],
    [
      'an odd name of a tool',
      { messages: [user, assistant], tools: [{ type: 'function', function: { name: 'a b' } }] },
      'tools.0.function.name: expected up to 64 letters, digits, _ or -.',
    ],
    [
      'another kind of tool',
      { messages: [user, assistant], tools: [{ type: 'web' }] },
      'tools.0.type: expected "function".',
    ],
    [
      'an odd flag',
      { messages: [user, assistant], parallel_tool_calls: 1 },
      'parallel_tool_calls: expected true or false.',
    ],
  ])('names what is wrong with a line with %s, and what was expected', (_name, line, message) => {
    expect(faultOf(line)).toBe(message);
  });

  it('reads which of two answers is preferred', () => {
    const line = {
      input: { messages: [user], tools },
      preferred_output: [assistant],
      non_preferred_output: [{ ...assistant, content: 'No.' }],
    };
    expect(read(line, 'dpo')).toMatchObject({ type: 'example', text: JSON.stringify(line), messages: 3, leftOut: 0 });
    expect(faultOf({ ...line, preferred_output: [] }, 'dpo')).toBe(
      'preferred_output: expected a list that is not empty.',
    );
    expect(faultOf({ ...line, preferred_output: [user] }, 'dpo')).toBe(
      'preferred_output: expected messages of the assistant only.',
    );
    expect(faultOf({ ...line, input: { messages: [user, assistant] } }, 'dpo')).toBe(
      'input.messages.1.role: expected the message that is answered.',
    );
    expect(faultOf({ messages: [user, assistant] }, 'dpo')).toBe('input: expected an object.');
  });
});
