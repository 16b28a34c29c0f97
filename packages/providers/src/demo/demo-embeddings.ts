import { createHash } from 'node:crypto';
import type { JsonObject } from '../caller-request.js';
import type { EmittedError } from './emitter.js';
import { estimateTokens } from './tokens.js';

const DEFAULT_DIMENSIONS = 64;
const MAX_DIMENSIONS = 4_096;
const MAX_INPUTS = 2_048;

/** An embeddings answer in OpenAI's dialect: unit vectors that depend on the text alone, and mean nothing. */
export function demoEmbeddings(body: JsonObject): JsonObject | EmittedError {
  const { encoding_format: encoding, dimensions: wanted, input } = body;
  const texts: readonly unknown[] = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
  if (input === undefined || input === '' || texts.length === 0 || texts.length > MAX_INPUTS) {
    return { status: 400, param: 'input', message: `\`input\` must be a text or up to ${MAX_INPUTS} texts.` };
  }
  const dimensions = wanted ?? DEFAULT_DIMENSIONS;
  if (
    typeof dimensions !== 'number' ||
    !Number.isInteger(dimensions) ||
    dimensions < 1 ||
    dimensions > MAX_DIMENSIONS
  ) {
    return { status: 400, param: 'dimensions', message: `\`dimensions\` must be between 1 and ${MAX_DIMENSIONS}.` };
  }
  const inputs = texts.map((text) => (typeof text === 'string' ? text : JSON.stringify(text)));
  const tokens = inputs.reduce((sum, text) => sum + estimateTokens(text), 0);
  return {
    object: 'list',
    simulated: true,
    model: body['model'],
    data: inputs.map((text, index) => {
      const vector = toVector(text, dimensions);
      const bytes = Buffer.from(vector.buffer);
      return { object: 'embedding', index, embedding: encoding === 'base64' ? bytes.toString('base64') : [...vector] };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** Numbers from a hash of the text, stretched to the length and scaled to length 1. */
function toVector(text: string, dimensions: number): Float32Array<ArrayBuffer> {
  const bytes = createHash('shake256', { outputLength: dimensions * 2 })
    .update(text)
    .digest();
  const values = Float32Array.from({ length: dimensions }, (_, index) => bytes.readInt16LE(index * 2) / 32_768);
  const norm = Math.hypot(...values);
  return values.map((value) => (norm === 0 ? 0 : value / norm));
}
