import { describe, expect, it } from '@jest/globals';
import { ProviderError } from '../../failure.js';
import { geminiEmbeddingsWire } from './embeddings.js';

function request(value: Readonly<Record<string, unknown>>) {
  const { path, body, dropped } = geminiEmbeddingsWire.toRequest({
    value,
    bytes: Buffer.from(JSON.stringify(value)),
    model: 'gemini-embedding-001',
  });
  return { path, body: JSON.parse(body.toString()) as unknown, dropped };
}

function failureOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error instanceof ProviderError ? error.kind : error;
  }
}

const ANSWER = Buffer.from(
  JSON.stringify({
    embeddings: [{ values: [0.5, -1.25] }, { values: [0, 1] }],
    usageMetadata: { promptTokenCount: 12, promptTokenDetails: [{ modality: 'TEXT', tokenCount: 12 }] },
  }),
);

describe('embeddings of Gemini', () => {
  it('asks for all texts in one batch', () => {
    expect(
      request({ model: 'x', input: ['a', 'b'], dimensions: 256, encoding_format: 'base64', user: 'u', models: ['y'] }),
    ).toEqual({
      path: '/models/gemini-embedding-001:batchEmbedContents',
      body: {
        requests: ['a', 'b'].map((text) => ({
          model: 'models/gemini-embedding-001',
          content: { parts: [{ text }] },
          outputDimensionality: 256,
        })),
      },
      dropped: ['user'],
    });
    expect(request({ input: 'a' }).body).toEqual({
      requests: [{ model: 'models/gemini-embedding-001', content: { parts: [{ text: 'a' }] } }],
    });
  });

  it('takes no tokens and no missing input', () => {
    expect(failureOf(() => request({ input: [1, 2] }))).toBe('unfit');
    expect(failureOf(() => request({ input: [[1], [2]] }))).toBe('unfit');
    expect(failureOf(() => request({ input: [] }))).toBe('invalid-request');
    expect(failureOf(() => request({}))).toBe('invalid-request');
  });

  it('answers in the dialect of OpenAI, as floats or as base64', () => {
    const floats = geminiEmbeddingsWire.fromAnswer({ body: ANSWER, encoding: 'float', model: 'gemini-embedding-001' });
    expect(JSON.parse(floats.bytes.toString())).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, -1.25] },
        { object: 'embedding', index: 1, embedding: [0, 1] },
      ],
      model: 'gemini-embedding-001',
      usage: { prompt_tokens: 12, total_tokens: 12 },
    });
    expect(floats.usage).toEqual({ inputTokens: 12, outputTokens: 0, source: 'provider' });

    const base64 = geminiEmbeddingsWire.fromAnswer({ body: ANSWER, encoding: 'base64', model: 'm' });
    const { data } = JSON.parse(base64.bytes.toString()) as {
      readonly data: readonly { readonly embedding: string }[];
    };
    const bytes = Buffer.from(data[0]?.embedding ?? '', 'base64');
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([0.5, -1.25]);
    expect(bytes).toHaveLength(8);
  });

  it.each([
    ['', 'not-an-answer'],
    ['{}', 'not-an-answer'],
    ['{"embeddings":[{"values":["a"]}]}', 'not-an-answer'],
    ['{"embeddings":[{}]}', 'not-an-answer'],
    ['{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', 'rate-limited'],
  ])('does not take %p for an answer', (body, kind) => {
    expect(
      failureOf(() => geminiEmbeddingsWire.fromAnswer({ body: Buffer.from(body), encoding: 'float', model: 'm' })),
    ).toBe(kind);
  });
});
