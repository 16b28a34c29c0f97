import type { Identity } from '@moltbot/auth';
import type { FastifyRequest } from 'fastify';

/** Whose things a caller may see: its own; an administrator, and this machine's user where access is open, everybody's. */
export interface Whose {
  /** To look for: `undefined` is everybody. */
  readonly visible: { readonly owner?: string | undefined };
  /** Of what the caller makes; `undefined` where access is open. */
  readonly owner: string | undefined;
}

/** What a caller is allowed now, kept with what a worker does for it: the rights of people without a key can't be looked up later. */
export function callerOf(identity: Identity | undefined) {
  if (identity === undefined) return undefined;
  const { name, models, limits } = identity;
  return { name, models, limits };
}

export function whoseAre({ caller }: FastifyRequest): Whose {
  const identity = caller?.identity;
  if (identity === undefined) return { visible: {}, owner: undefined };
  const owner = identity.keyId;
  return { visible: identity.scopes.includes('admin') ? {} : { owner }, owner };
}
