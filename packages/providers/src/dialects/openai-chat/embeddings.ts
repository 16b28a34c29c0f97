import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { spliceTopLevel } from '../../json-splice.js';
import { parseJson, readList, readObject } from '../../read-json.js';
import type { EmbeddingsWire } from '../../wire.js';
import { errorOf, toProviderError } from './from-error.js';
import { fromUsage } from './from-usage.js';
import { JSON_HEADERS } from './to-request.js';

type Encoding = 'float' | 'base64';

/** OpenAI's embeddings: bytes pass both ways, except where a server ignores the encoding that the caller asked for. */
export const openAiEmbeddingsWire: EmbeddingsWire = {
  toRequest({ bytes, model }) {
    const body = spliceTopLevel(bytes, { set: { model: JSON.stringify(model) }, remove: ['models'] });
    return { path: '/embeddings', body, headers: JSON_HEADERS, dropped: [] };
  },
  fromAnswer({ body, encoding }) {
    const value = readObject(parseJson(body.toString('utf8')));
    const error = errorOf(value);
    if (error !== undefined) throw toProviderError(error, { status: 200 });
    const rows = readList(value?.['data']).map(readObject);
    if (value === undefined || rows.length === 0 || !rows.every(isRow)) {
      throw new ProviderError('not-an-answer', 'The response is no list of embeddings.');
    }
    const usage = fromUsage(value['usage']);
    const asAsked = rows.every((row) => (typeof row['embedding'] === 'string') === (encoding === 'base64'));
    return { count: rows.length, bytes: asAsked ? body : reencoded(value, rows, encoding), usage };
  },
};

function isRow(row: JsonObject | undefined): row is JsonObject {
  const embedding = row?.['embedding'];
  if (typeof embedding === 'string') return embedding !== '';
  return Array.isArray(embedding) && embedding.length > 0 && embedding.every((number) => typeof number === 'number');
}

function reencoded(value: JsonObject, rows: readonly JsonObject[], encoding: Encoding): Buffer {
  const data = rows.map((row) => Object.assign({}, row, { embedding: reencode(row['embedding'], encoding) }));
  return Buffer.from(JSON.stringify({ ...value, data }));
}

/** Base64 holds 32-bit floats, little-endian. */
function reencode(embedding: unknown, encoding: Encoding): unknown {
  if (encoding === 'base64' && Array.isArray(embedding)) {
    const bytes = Buffer.alloc(embedding.length * 4);
    for (const [index, number] of embedding.entries()) bytes.writeFloatLE(Number(number), index * 4);
    return bytes.toString('base64');
  }
  if (encoding === 'float' && typeof embedding === 'string') {
    const bytes = Buffer.from(embedding, 'base64');
    return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
  }
  return embedding;
}
