import type { DialectDoor, DoorError } from '@moltbot/providers';
import { type ErrorCode, MoltbotError } from '@moltbot/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerEarly } from './answer-early.js';

/** Fastify's own refusals in our codes. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_ERR_ASYNC_CONSTRAINT: 'not_found',
};

const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  503: 'shutting_down',
};

/** Any thrown thing as one of our errors; what nobody foresaw is `internal_error` with the original as its cause. */
export function toMoltbotError(error: unknown): MoltbotError {
  if (error instanceof MoltbotError) return error;
  if (typeof error === 'object' && error !== null) {
    const { code, statusCode, status } = error as { code?: unknown; statusCode?: unknown; status?: unknown };
    const known = typeof code === 'string' ? FASTIFY_CODES[code] : undefined;
    if (known !== undefined) return new MoltbotError(known, undefined, { cause: error });
    const http = typeof statusCode === 'number' ? statusCode : status;
    const byStatus = typeof http === 'number' ? STATUS_CODES[http] : undefined;
    if (byStatus !== undefined) return new MoltbotError(byStatus, undefined, { cause: error });
  }
  return new MoltbotError('internal_error', undefined, { cause: error });
}

export function toDoorError(error: MoltbotError, requestId: string): DoorError {
  return {
    code: error.code,
    http: error.http,
    message: error.message,
    param: error.param,
    requestId,
    attempts: error.attempts,
  };
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An error as a whole HTTP answer in the caller's dialect. */
export function errorAnswer(options: {
  readonly error: MoltbotError;
  readonly door: DialectDoor;
  readonly requestId: string;
}): ErrorAnswer {
  const { error, door, requestId } = options;
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': requestId,
    'request-id': requestId,
    // Said on purpose: both official SDKs would otherwise decide by the status alone.
    'x-should-retry': String(error.retryable),
  };
  // RFC 6750 section 3: what is wanted, and whether something wrong was shown.
  if (error.http === 401) {
    headers['www-authenticate'] = error.code === 'authentication_required' ? 'Bearer' : 'Bearer error="invalid_token"';
  }
  // The connection leads to a process that is going.
  if (error.code === 'shutting_down') headers['connection'] = 'close';
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000)));
    headers['retry-after-ms'] = String(error.retryAfterMs);
  }
  if (error.attempts.length > 0) headers['x-moltbot-attempts'] = String(error.attempts.length);
  return { status: error.http, headers, body: JSON.stringify(door.toError(toDoorError(error, requestId))) };
}

/** Sends an error, also over a body that is still on its way. */
export function sendError(options: {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly answer: ErrorAnswer;
}): void {
  const { request, reply, answer } = options;
  if (request.raw.complete) {
    void reply.code(answer.status).headers(answer.headers).send(answer.body);
    return;
  }
  reply.hijack();
  answerEarly({
    request: request.raw,
    response: reply.raw,
    status: answer.status,
    headers: { ...reply.getHeaders(), ...answer.headers },
    body: answer.body,
  });
}
