import type { KeyLimits } from '@moltbot/config';
import { isModelPermission, isScope, MoltbotError, SCOPES } from '@moltbot/contracts';
import type { Selectable } from 'kysely';
import type { ApiKeysTable } from './tables.js';

/** A key as it is listed; the key itself is nowhere. Times are Unix ms. */
export interface ApiKeyRecord {
  /** `key_` and 12 hex digits. */
  readonly id: string;
  readonly name: string;
  /** Its first characters (`mb_4fT0aQ`). */
  readonly prefix: string;
  readonly scopes: readonly string[];
  /** Models and chains it may use; all where not set. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits | undefined;
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
  readonly revokedAt?: number | undefined;
  /** When it last got a new secret. */
  readonly rotatedAt?: number | undefined;
  /** Until when the secret before is taken too. */
  readonly previousUntil?: number | undefined;
  /** Up to a few seconds behind. */
  readonly lastUsedAt?: number | undefined;
}

export interface NewApiKey {
  /** Unique among the keys that are not revoked; 1 to 100 characters. */
  readonly name: string;
  /** `hash` and `prefix` of auth's `generateApiKey`. */
  readonly hash: string;
  readonly prefix: string;
  readonly scopes?: readonly string[];
  /** As `isModelPermission` of contracts; all where not set, none where empty. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits | undefined;
  readonly expiresAt?: number | undefined;
}

/** What is not named stays; `null` takes away the restriction. */
export interface ApiKeyChanges {
  readonly name?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly models?: readonly string[] | null | undefined;
  readonly limits?: KeyLimits | null | undefined;
  readonly expiresAt?: number | null | undefined;
}

const ID = /^key_[0-9a-f]{12}$/;
const MOST_MODELS = 256;
/** The last instant that both JavaScript and PostgreSQL know. */
const LAST_INSTANT = 8_640_000_000_000_000;

/** The columns that a new or changed key sets. @throws MoltbotError `invalid_request` with the param */
export function toColumns(changes: ApiKeyChanges) {
  const { name, scopes, models, limits, expiresAt } = changes;
  return {
    ...(name !== undefined && { name: checkName(name) }),
    ...(scopes !== undefined && { scopes: checkScopes(scopes) }),
    ...(models !== undefined && { models: models === null ? null : checkModels(models) }),
    ...(limits !== undefined && { limits: limits === null ? null : JSON.stringify(limits) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt === null ? null : checkInstant(expiresAt) }),
  };
}

function checkName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > 100 || name.includes('\0') || !name.isWellFormed() || ID.test(name)) {
    throw new MoltbotError(
      'invalid_request',
      'The name of a key has 1 to 100 characters and does not look like the id of a key.',
      { param: 'name' },
    );
  }
  return name;
}

function checkScopes(scopes: readonly string[]): string[] {
  const unknown = scopes.find((scope) => !isScope(scope));
  if (unknown !== undefined) {
    throw new MoltbotError(
      'invalid_request',
      `There is no scope ${JSON.stringify(unknown.slice(0, 100))}: ${SCOPES.join(', ')}.`,
      { param: 'scopes' },
    );
  }
  return SCOPES.filter((scope) => scopes.includes(scope));
}

function checkModels(models: readonly string[]): string[] {
  if (models.length > MOST_MODELS) {
    throw new MoltbotError('invalid_request', `A key may list ${MOST_MODELS} models at most.`, { param: 'models' });
  }
  const wrong = models.find((name) => !isModelPermission(name) || !name.isWellFormed());
  if (wrong !== undefined) {
    throw new MoltbotError(
      'invalid_request',
      `${JSON.stringify(wrong.slice(0, 100))} names no models: write a chain (\`default\`), \`provider:model\`, or \`provider:*\` for all of a provider.`,
      { param: 'models' },
    );
  }
  return [...new Set(models)];
}

function checkInstant(at: number): Date {
  if (!Number.isFinite(at) || Math.abs(at) > LAST_INSTANT) {
    throw new MoltbotError('invalid_request', 'This is no time that a key can expire at.', { param: 'expires_at' });
  }
  return new Date(at);
}

export function toRecord(row: Selectable<ApiKeysTable>): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    models: row.models ?? undefined,
    limits: row.limits ?? undefined,
    createdAt: row.created_at.getTime(),
    expiresAt: milliseconds(row.expires_at),
    revokedAt: milliseconds(row.revoked_at),
    rotatedAt: milliseconds(row.rotated_at),
    previousUntil: milliseconds(row.previous_until),
    lastUsedAt: milliseconds(row.last_used_at),
  };
}

export function milliseconds(date: Date | null): number | undefined {
  return date === null ? undefined : date.getTime();
}
