import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MoltbotError } from '@moltbot/contracts';
import { readChatRequest } from './read-chat-request.js';

const read = (fields: object) =>
  readChatRequest(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...fields })));

describe('a chat request to a local model', () => {
  it('is read with its conversation, sampling and limits', () => {
    expect(
      read({
        messages: [
          { role: 'developer', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Hi ' },
              { type: 'text', text: 'there' },
            ],
          },
          { role: 'assistant', content: null },
        ],
        stream: true,
        stream_options: { include_usage: true },
        max_completion_tokens: 7,
        max_tokens: 9,
        temperature: 0,
        stop: 'END',
        seed: 1,
        response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } },
      }),
    ).toMatchObject({
      model: 'm',
      stream: true,
      includeUsage: true,
      order: {
        messages: [
          { role: 'system', text: 'Be brief.' },
          { role: 'user', text: 'Hi there' },
          { role: 'assistant', text: '' },
        ],
        maxTokens: 7,
        temperature: 0,
        stop: ['END'],
        seed: 1,
        format: { schema: { type: 'object' } },
      },
    });
  });

  it.each<[object, string]>([
    [{ model: '' }, 'model'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages.0.content'],
    [{ messages: [null] }, 'messages.0.role'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ n: 2 }, 'n'],
    [{ tools: [{}] }, 'tools'],
    [{ stop: [1] }, 'stop'],
    [{ response_format: { type: 'xml' } }, 'response_format.type'],
  ])('is refused with the field that is wrong: %j', (fields, param) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: 'invalid_request', param }));
  });

  it('is read or refused as such, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          readChatRequest(Buffer.from(text));
        } catch (error) {
          expect(error).toBeInstanceOf(MoltbotError);
        }
      }),
    );
  });
});
