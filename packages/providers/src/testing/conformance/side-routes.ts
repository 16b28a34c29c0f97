import { expect, it } from '@jest/globals';
import type { JsonObject } from '../../caller-request.js';
import type { CountTokensWire, EmbeddingsWire } from '../../wire.js';
import { ask, type Exchanges, MODEL, providerError } from './exchange.js';

interface EmbeddingsBody {
  readonly object: string;
  readonly data: readonly { readonly index: number; readonly embedding: readonly number[] | string }[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** Embeddings in OpenAI's dialect on our side, whatever the provider's is. */
export function describeEmbeddings(wire: EmbeddingsWire, { send }: Exchanges): void {
  const embed = async (value: JsonObject) => {
    const request = { model: 'default', ...value };
    const sent = wire.toRequest({ value: request, bytes: Buffer.from(JSON.stringify(request)), model: MODEL });
    return { ...(await send({ type: 'answer' }, sent)) };
  };

  it('embeds one text and several, in order, as numbers or as base64', async () => {
    const one = await embed({ input: 'Grüße 🌍' });
    expect([one.seen.operation, one.seen.model]).toEqual(['embeddings', MODEL]);
    expect(one.seen.raw.toString('utf8')).toContain('Grüße 🌍');
    const { bytes } = wire.fromAnswer({ body: one.body, encoding: 'float', model: 'm' });
    const answer = JSON.parse(bytes.toString('utf8')) as EmbeddingsBody;
    expect([answer.object, answer.data.length]).toEqual(['list', 1]);
    const base64 = { input: ['one', 'two'], encoding_format: 'base64' };
    const several = await embed(base64);
    const encoded = wire.fromAnswer({ body: several.body, encoding: 'base64', model: 'm' });
    const { data, usage } = JSON.parse(encoded.bytes.toString('utf8')) as EmbeddingsBody;
    expect(data.map((row) => [row.index, typeof row.embedding])).toEqual([
      [0, 'string'],
      [1, 'string'],
    ]);
    expect(Buffer.from(String(data[0]?.embedding), 'base64').length % 4).toBe(0);
    expect(usage.total_tokens).toBeGreaterThanOrEqual(0);
  });

  it.each(['html', 'empty', 'half-json', 'error-200'] as const)('is not fooled by a 200 that is %s', async (type) => {
    const value = { model: 'default', input: 'x' };
    const sent = wire.toRequest({ value, bytes: Buffer.from(JSON.stringify(value)), model: MODEL });
    const { body } = await send({ type }, sent);
    const error = providerError(() => wire.fromAnswer({ body, encoding: 'float', model: 'm' }));
    if (type !== 'error-200') expect(error.kind).toBe('not-an-answer');
  });
}

/** A count of tokens without an answer. */
export function describeCountTokens(wire: CountTokensWire, { send }: Exchanges): void {
  it('counts the tokens of a conversation', async () => {
    const sent = wire.toRequest({ request: ask('x'.repeat(400)), model: MODEL });
    const { body, seen } = await send({ type: 'answer' }, sent);
    expect(seen.operation).toBe('count-tokens');
    expect(wire.fromAnswer(body)).toBe(100);
  });

  it.each(['html', 'empty', 'half-json', 'error-200'] as const)('is not fooled by a 200 that is %s', async (type) => {
    const { body } = await send({ type }, wire.toRequest({ request: ask('Hello'), model: MODEL }));
    expect(providerError(() => wire.fromAnswer(body)).message).not.toBe('');
  });
}
