import { describe, expect, it } from '@jest/globals';
import { readBatchLine } from './batch-line.js';

const ENDPOINT = '/v1/chat/completions';
const good = { custom_id: 'a', method: 'POST', url: ENDPOINT, body: { messages: [] } };
const read = (value: unknown) =>
  readBatchLine({ line: 7, text: typeof value === 'string' ? value : JSON.stringify(value) }, ENDPOINT);

describe('readBatchLine', () => {
  it('reads a request', () => {
    expect(read(good)).toEqual({ type: 'request', line: 7, customId: 'a', body: Buffer.from('{"messages":[]}') });
  });

  it.each<[string, unknown, string, string | null]>([
    ['no JSON', '{', 'invalid_json_line', null],
    ['no object', '[1]', 'invalid_json_line', null],
    ['no custom_id', { ...good, custom_id: undefined }, 'missing_custom_id', null],
    ['a custom_id that is no text', { ...good, custom_id: 5 }, 'missing_custom_id', null],
    ['a custom_id that is too long', { ...good, custom_id: 'x'.repeat(513) }, 'missing_custom_id', null],
    ['another method', { ...good, method: 'GET' }, 'invalid_method', 'a'],
    ['another url', { ...good, url: '/v1/embeddings' }, 'mismatched_url', 'a'],
    ['no body', { ...good, body: null }, 'invalid_body', 'a'],
    ['a streamed answer', { ...good, body: { stream: true } }, 'invalid_body', 'a'],
  ])('refuses a line with %s', (_name, value, code, customId) => {
    expect(read(value)).toMatchObject({ type: 'refused', line: 7, code, customId });
  });

  it('says what is wrong with a line that could not be read', () => {
    expect(readBatchLine({ line: 2, problem: 'too-long' }, ENDPOINT)).toMatchObject({
      code: 'invalid_line',
      message: 'Line 2: The line is too long.',
    });
  });
});
