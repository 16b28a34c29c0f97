import { ByteRope, type JsonObject, readJsonObject, embeddingsSize } from '@moltbot/providers';
import { MoltbotError } from '@moltbot/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { permittedPlan } from '../access/permitted-plan.js';
import type { Core } from '../core/core.js';
import { servedHeaders } from './reply-headers.js';
import { sendWhole } from './send-whole.js';

/** Most inputs of one request, as OpenAI's own limit. */
const MAX_INPUTS = 2_048;

/** `POST /v1/embeddings` in OpenAI's dialect. */
export function createEmbeddingsHandler(core: Core) {
  return async function handleEmbeddings(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { exchange } = request;
    const { value, bytes } = readEmbeddingsRequest(request.body);
    const model = value['model'];
    const plan = permittedPlan({
      router: core.router,
      identity: exchange.identity,
      selection: typeof model === 'string' ? { model } : {},
    });
    exchange.chain = plan.name;
    if (exchange.identity?.limits !== undefined) {
      await core.limits.admit({ exchange, plan, size: embeddingsSize(bytes.length) });
    }
    const served = await core.engine.embed({
      requestId: exchange.requestId,
      value,
      bytes,
      encoding: value['encoding_format'] === 'base64' ? 'base64' : 'float',
      plan,
      signal: exchange.signal,
    });
    const headers = servedHeaders({
      exchange,
      contentType: 'application/json',
      served,
      costMicros: served.costMicros,
    });
    sendWhole({ reply, headers, body: served.bytes, writeTimeoutMs: core.settings().server.write_timeout });
    exchange.end({
      outcome: 'complete',
      servedBy: served.model.ref,
      attempts: served.attempts.length,
      usage: served.usage,
      costMicros: served.costMicros,
    });
  };
}

/** @throws MoltbotError `invalid_json`, `invalid_request` */
export function readEmbeddingsRequest(body: unknown): { value: JsonObject; bytes: Buffer } {
  if (!(body instanceof ByteRope)) throw new MoltbotError('invalid_json', 'The body is empty: send one JSON object.');
  const { bytes } = body;
  const value = readJsonObject(bytes);
  const refuse = (param: string, expected: string): never => {
    throw new MoltbotError('invalid_request', `${param}: expected ${expected}.`, { param });
  };
  const { input, model } = value;
  if (model !== undefined && typeof model !== 'string') refuse('model', 'a string');
  const format = value['encoding_format'];
  if (format !== undefined && format !== 'float' && format !== 'base64')
    refuse('encoding_format', '"float" or "base64"');
  if (typeof input === 'string') {
    if (input === '') refuse('input', 'a text that is not empty');
  } else if (Array.isArray(input)) {
    if (input.length === 0 || input.length > MAX_INPUTS) refuse('input', `1 to ${MAX_INPUTS} inputs`);
    if (!input.every((item) => typeof item === 'string' || typeof item === 'number' || Array.isArray(item))) {
      refuse('input', 'texts or token numbers');
    }
  } else {
    refuse('input', 'a text or a list of texts');
  }
  return { value, bytes };
}
