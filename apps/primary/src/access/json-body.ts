import { MoltbotError } from '@moltbot/contracts';
import { type ByteRope, readJsonObject } from '@moltbot/providers';
import type { FastifyContentTypeParser, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { collectBody } from '../chat/collect-body.js';

/** What administrators send is small. */
const MAX_BYTES = 65_536;

/** The `@RouteConfig` of a route that reads its own body, once its caller was let in. */
export const READS_BODY = { readsBody: true } as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    readsBody?: boolean;
  }
}

/** Leaves JSON bodies of Nest's routes unread for `readJsonBody`. Nobody reads those of a path that nobody serves. */
export function leaveBodiesUnread(fastify: FastifyInstance): void {
  const leave: FastifyContentTypeParser = (request, _payload, done) => {
    if (request.is404 || request.routeOptions.config.readsBody === true) done(null);
    else done(new MoltbotError('unsupported_media_type'));
  };
  fastify.addContentTypeParser('application/json', leave);
}

/**
 * Reads and parses a body, strictly.
 * @throws MoltbotError `invalid_json`, `invalid_request` with the param, `payload_too_large`
 */
export async function readJsonBody<Schema extends z.ZodType>(options: {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly schema: Schema;
  /** No body stands for an empty object. */
  readonly optional?: boolean;
}): Promise<z.output<Schema>> {
  const { request, reply, schema, optional = false } = options;
  // RFC 9110 section 10.1.1: a caller that asks first sends its body only now.
  if (request.headers.expect !== undefined) reply.raw.writeContinue();
  const { bytes } = await collected(request);
  if (bytes.length === 0 && optional) return parseStrictly(schema, {});
  return parseStrictly(schema, readJsonObject(bytes));
}

/** @throws MoltbotError `invalid_request` for the first problem, with its path as the param */
export function parseStrictly<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const param = [...(issue?.path ?? []), ...unknown].map(String).join('.').slice(0, 200);
  const what = unknown.length > 0 ? 'is not known here' : (issue?.message ?? 'is wrong');
  throw new MoltbotError('invalid_request', param === '' ? what : `${param}: ${what}`, {
    param: param === '' ? undefined : param,
  });
}

function collected(request: FastifyRequest): Promise<ByteRope> {
  return new Promise((resolve, reject) => {
    void collectBody(MAX_BYTES)(request, request.raw, (error, body) => {
      if (error === null) resolve(body as ByteRope);
      else reject(error);
    });
  });
}
