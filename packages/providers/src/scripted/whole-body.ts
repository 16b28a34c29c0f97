import type { JsonObject } from '../caller-request.js';
import { demoEmbeddings } from '../demo/demo-embeddings.js';
import type { RecordedRequest } from './recorded-request.js';
import { inputTokens } from './to-action.js';

/** The good answer of a route that is no chat; `undefined` for chat. */
export function wholeBody(record: RecordedRequest): JsonObject | undefined {
  switch (record.operation) {
    case 'chat':
      return undefined;
    case 'embeddings':
      return record.dialect === 'gemini' ? geminiEmbeddings(record.body) : openAiEmbeddings(record.body);
    case 'count-tokens': {
      const count = inputTokens(record.turns);
      return record.dialect === 'gemini' ? { totalTokens: count } : { input_tokens: count };
    }
  }
}

function openAiEmbeddings(body: JsonObject): JsonObject {
  return { ...demoEmbeddings(body) };
}

/** One vector for each request of the batch, eight numbers long. */
function geminiEmbeddings(body: JsonObject): JsonObject {
  const batch: readonly unknown[] = Array.isArray(body['requests']) ? body['requests'] : [];
  return { embeddings: batch.map((_, index) => ({ values: Array.from({ length: 8 }, (_, at) => (index + at) / 8) })) };
}

/** The list of models as the provider of this path shows it. */
export function listModels(path: string, models: readonly string[]): JsonObject {
  if (path.startsWith('/v1beta/')) {
    return { models: models.map((name) => ({ name: `models/${name}`, displayName: name })) };
  }
  return {
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 1_750_000_000, owned_by: 'scripted' })),
  };
}
