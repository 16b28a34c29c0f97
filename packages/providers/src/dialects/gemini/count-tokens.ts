import type { ChatRequest } from '@moltbot/contracts';
import { ProviderError } from '../../failure.js';
import { parseJson, readCount, readObject } from '../../read-json.js';
import type { CountTokensWire, UpstreamRequest } from '../../wire.js';
import { readErrorObject, toProviderError } from './from-error.js';
import { modelPath } from './model-path.js';
import { JSON_HEADERS, toBody } from './to-request.js';

/**
 * Google's count of a whole request, tools and instruction included.
 * @see https://ai.google.dev/api/tokens
 */
export const geminiCountTokensWire: CountTokensWire = {
  toRequest({ request, model }: { readonly request: ChatRequest; readonly model: string }): UpstreamRequest {
    const path = modelPath(model);
    const { body, dropped } = toBody(request, model);
    return {
      path: `${path}:countTokens`,
      body: Buffer.from(JSON.stringify({ generateContentRequest: { model: path.slice(1), ...body } })),
      headers: JSON_HEADERS,
      dropped,
    };
  },

  fromAnswer(body: Buffer): number {
    const value = parseJson(body.toString('utf8'));
    const error = readErrorObject(value);
    if (error !== undefined) throw toProviderError(error, { status: 200, unknown: 'not-an-answer' });
    const tokens = readCount(readObject(value)?.['totalTokens']);
    if (tokens === undefined) throw new ProviderError('not-an-answer', 'The body holds no count.', { status: 200 });
    return tokens;
  },
};
