import type { FastifyReply } from 'fastify';
import { cutOffIfUnread } from './drained.js';

/**
 * Writes a whole answer past Fastify's serialisers. The reply becomes ours only once the headers were taken, so that what they
 * throw is still answered as an error.
 */
export function sendWhole(options: {
  readonly reply: FastifyReply;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer;
  readonly writeTimeoutMs: number;
}): void {
  const { reply, headers, body, writeTimeoutMs } = options;
  const response = reply.raw;
  response.writeHead(200, [...headers, 'content-length', String(body.length)]);
  reply.hijack();
  response.end(body);
  cutOffIfUnread(response, writeTimeoutMs);
}
