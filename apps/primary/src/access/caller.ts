import type { Identity } from '@moltbot/auth';
import type { AuditRecord } from '@moltbot/contracts';
import type { FastifyRequest } from 'fastify';

/** Whoever sent a request, as the audit log names them. */
export interface Caller {
  /** `undefined`: this machine’s user, or nobody that is known. */
  readonly identity: Identity | undefined;
  readonly requestId: string;
  /** Of the other end of the connection, or what a trusted proxy says of it. */
  readonly source: string | undefined;
}

/** The address without the wrapping that a dual-stack socket gives IPv4 ones. */
export function sourceOf(request: FastifyRequest): string | undefined {
  // Fastify's: looks at X-Forwarded-For where the connection is of one of `server.trusted_proxies`.
  const address: string | undefined = request.ip;
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}

/** @param options.stranger what somebody without an identity is: `local` where access is open, else `unknown` */
export function actorOf(options: {
  readonly identity: Identity | undefined;
  readonly stranger: 'local' | 'unknown';
}): Pick<AuditRecord, 'actor' | 'actorName'> {
  const { identity, stranger } = options;
  return identity === undefined ? { actor: stranger } : { actor: identity.keyId, actorName: identity.name };
}
