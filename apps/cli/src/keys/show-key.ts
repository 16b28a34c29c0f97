import { type KeyLimits, keyLimits } from '@moltbot/config';
import type { ApiKeyRecord } from '@moltbot/storage';
import type { CommandContext } from '../context.js';

export function stateOf(key: ApiKeyRecord): 'active' | 'revoked' | 'expired' {
  if (key.revokedAt !== undefined) return 'revoked';
  return key.expiresAt !== undefined && key.expiresAt <= Date.now() ? 'expired' : 'active';
}

export function stateText(key: ApiKeyRecord, { messages }: CommandContext): string {
  return { active: messages.keyActive, revoked: messages.keyRevokedState, expired: messages.keyExpired }[stateOf(key)];
}

export function modelsText({ models }: ApiKeyRecord, { messages }: CommandContext): string {
  if (models === undefined) return messages.keyAllModels;
  return models.length === 0 ? messages.keyNoModels : models.join(', ');
}

/** `requests_per_minute 60, budget_per_day 5`, by the names of the settings. */
export function limitsText({ limits }: ApiKeyRecord, { messages }: CommandContext): string {
  // The database keeps them in an order of its own.
  const names = Object.keys(keyLimits.shape) as (keyof KeyLimits)[];
  const said = names.flatMap((name) => (limits?.[name] === undefined ? [] : [`${name} ${limits[name]}`]));
  return said.length === 0 ? messages.keyNoLimits : said.join(', ');
}

/** A key for programs; times in ISO 8601. */
export function keyToJson(key: ApiKeyRecord) {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes,
    models: key.models ?? null,
    limits: key.limits ?? null,
    state: stateOf(key),
    createdAt: iso(key.createdAt),
    expiresAt: iso(key.expiresAt),
    revokedAt: iso(key.revokedAt),
    rotatedAt: iso(key.rotatedAt),
    formerSecretUntil: iso(key.previousUntil),
    lastUsedAt: iso(key.lastUsedAt),
  };
}

/** To the minute, UTC. */
export function shownDate(at: number | undefined, never: string): string {
  return at === undefined ? never : new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
