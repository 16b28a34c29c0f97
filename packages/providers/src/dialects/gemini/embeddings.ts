import type { Usage } from '@moltbot/contracts';
import { ProviderError } from '../../failure.js';
import { parseJson, readCount, readObject } from '../../read-json.js';
import type { EmbeddingsWire, UpstreamRequest } from '../../wire.js';
import { readErrorObject, toProviderError } from './from-error.js';
import { modelPath } from './model-path.js';
import { JSON_HEADERS } from './to-request.js';

const KNOWN = new Set(['model', 'models', 'input', 'dimensions', 'encoding_format']);

/** OpenAI's embeddings as batchEmbedContents and back. */
export const geminiEmbeddingsWire: EmbeddingsWire = {
  toRequest({ value, model }): UpstreamRequest {
    const path = modelPath(model);
    const dimensions = readCount(value['dimensions']);
    const requests = readInput(value['input']).map((text) => ({
      model: path.slice(1),
      content: { parts: [{ text }] },
      outputDimensionality: dimensions,
    }));
    return {
      path: `${path}:batchEmbedContents`,
      body: Buffer.from(JSON.stringify({ requests })),
      headers: JSON_HEADERS,
      dropped: Object.keys(value).filter((name) => !KNOWN.has(name)),
    };
  },

  fromAnswer({ body, encoding, model }) {
    const value = parseJson(body.toString('utf8'));
    const error = readErrorObject(value);
    if (error !== undefined) throw toProviderError(error, { status: 200, unknown: 'not-an-answer' });
    const answer = readObject(value);
    const embeddings = answer?.['embeddings'];
    if (answer === undefined || !Array.isArray(embeddings)) throw notAnAnswer();
    const usage = fromEmbeddingUsage(answer['usageMetadata']);
    const tokens = usage?.inputTokens ?? 0;
    const data = embeddings.map((embedding, index) => ({
      object: 'embedding',
      index,
      embedding: encode(readVector(readObject(embedding)?.['values']), encoding),
    }));
    // The answer does not always hold a count, which clients demand.
    const bytes = Buffer.from(
      JSON.stringify({ object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } }),
    );
    return { count: data.length, bytes, usage };
  },
};

/** A text or a list of texts; lists of tokens mean another vendor's tokeniser. */
function readInput(input: unknown): readonly string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input) || input.length === 0) {
    throw new ProviderError('invalid-request', 'The input of an embedding is no text.', {
      param: 'input',
      callerMessage: 'input: expected a text or a list of texts',
    });
  }
  return input.map((item: unknown) => {
    if (typeof item !== 'string')
      throw new ProviderError('unfit', 'Gemini embeds texts, not tokens.', { param: 'input' });
    return item;
  });
}

function readVector(values: unknown): readonly number[] {
  if (!Array.isArray(values) || values.length === 0) throw notAnAnswer();
  const vector: readonly unknown[] = values;
  if (!vector.every((item) => typeof item === 'number')) throw notAnAnswer();
  return vector;
}

/** OpenAI's base64 is the vector as 32-bit floats, little-endian. */
function encode(vector: readonly number[], encoding: 'float' | 'base64'): readonly number[] | string {
  if (encoding === 'float') return vector;
  const buffer = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) buffer.writeFloatLE(value, index * 4);
  return buffer.toString('base64');
}

function fromEmbeddingUsage(value: unknown): Usage | undefined {
  const inputTokens = readCount(readObject(value)?.['promptTokenCount']);
  return inputTokens === undefined ? undefined : { inputTokens, outputTokens: 0, source: 'provider' };
}

function notAnAnswer(): ProviderError {
  return new ProviderError('not-an-answer', 'The body holds no embeddings.', { status: 200 });
}
