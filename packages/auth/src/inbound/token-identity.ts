import { hash } from 'node:crypto';
import type { KeyLimits, OidcSettings } from '@moltbot/config';
import { SCOPES } from '@moltbot/contracts';
import type { Identity } from './identity.js';

type Claims = Readonly<Record<string, unknown>>;
type Role = OidcSettings['roles'][string];

const MAX_NAME = 100;
const MOST_ROLES = 1_000;
/** Claims whose text is a list with spaces (RFC 8693, 4.2; `scp` of Microsoft). */
const SPACED = new Set(['scope', 'scp']);
const LIMITS: readonly (keyof KeyLimits)[] = [
  'requests_per_minute',
  'tokens_per_minute',
  'parallel_requests',
  'budget_per_day',
  'budget_per_month',
];

/** Who a verified token stands for; `undefined` where none of its roles is configured. */
export function toIdentity(options: {
  readonly settings: OidcSettings;
  readonly keyId: string;
  readonly subject: string;
  readonly claims: Claims;
}): Identity | undefined {
  const { settings, keyId, subject, claims } = options;
  const roles = [...new Set(rolesOf(claims, settings.roles_claim))].flatMap((name) =>
    Object.hasOwn(settings.roles, name) ? (settings.roles[name] ?? []) : [],
  );
  if (roles.length === 0) return undefined;
  return Object.freeze({
    keyId,
    name: cleanName(claimOf(claims, settings.name_claim)) ?? cleanName(subject) ?? keyId,
    ...widest(roles),
  });
}

/** Of one person of one issuer: 96 bits, so that nobody who chooses a subject can meet another's. */
export function subjectKeyId(issuer: string, subject: string): string {
  return `sub_${hash('sha256', JSON.stringify([issuer, subject]), 'hex').slice(0, 24)}`;
}

/** All that any of the roles allows; a role that leaves something open leaves it open for all. */
export function widest(roles: readonly Role[]): Pick<Identity, 'scopes' | 'models' | 'limits'> {
  const models = roles.map((role) => role.models);
  const limits = roles.map((role) => role.limits ?? {});
  const wide = LIMITS.flatMap((name) => {
    const values = limits.flatMap((limit) => limit[name] ?? []);
    return values.length < limits.length ? [] : [[name, Math.max(...values)] as const];
  });
  return {
    scopes: Object.freeze(SCOPES.filter((scope) => roles.some(({ scopes }) => scopes.includes(scope)))),
    models: models.includes(undefined) ? undefined : [...new Set(models.flatMap((list) => list ?? []))],
    limits: wide.length === 0 ? undefined : (Object.fromEntries(wide) as KeyLimits),
  };
}

function rolesOf(claims: Claims, path: string): readonly string[] {
  const value = claimOf(claims, path);
  if (typeof value === 'string') return SPACED.has(path) ? value.split(' ') : [value];
  if (!Array.isArray(value)) return [];
  return value.slice(0, MOST_ROLES).filter((item) => typeof item === 'string');
}

/** A claim by its whole name (`https://example.org/roles`), else by the dots in it (`realm_access.roles`). */
export function claimOf(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let at: unknown = claims;
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Claims)[part];
  }
  return at;
}

/** Fit for logs and terminals: one line, no control or direction characters. */
function cleanName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value
    .slice(0, 4 * MAX_NAME)
    .toWellFormed()
    .replace(/[\p{C}\p{Zl}\p{Zp}\ufffd]+/gu, ' ')
    .trim()
    .slice(0, MAX_NAME)
    .toWellFormed();
  return name === '' ? undefined : name;
}
