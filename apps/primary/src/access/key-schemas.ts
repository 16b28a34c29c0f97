import { keyLimits, modelPermissions, parseDuration } from '@moltbot/config';
import { SCOPES } from '@moltbot/contracts';
import { z } from 'zod';

/** A hundred years. */
const MAX_LIFETIME_MS = 36_500 * 86_400_000;
/** A former secret is for the time until all callers have the new one. */
const MAX_GRACE_MS = 30 * 86_400_000;

const length = (expected: string, range: { readonly min: number; readonly max: number }) =>
  z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= range.min && ms <= range.max) return ms;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const fields = {
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(SCOPES)).max(SCOPES.length),
  models: modelPermissions,
  limits: keyLimits,
  expires_at: instant,
  expires_in: length('expected a lifetime like 12h or 90d, at most 36500d', { min: 1, max: MAX_LIFETIME_MS }),
};

const notBoth = {
  check: (value: { expires_at?: unknown; expires_in?: unknown }) =>
    value.expires_at === undefined || value.expires_in === undefined,
  options: { path: ['expires_in'], error: 'expected `expires_at` or `expires_in`, not both' },
};

export const newKeySchema = z
  .strictObject({
    name: fields.name,
    scopes: fields.scopes.min(1).default(['chat']),
    models: fields.models.nullish(),
    limits: fields.limits.nullish(),
    expires_at: fields.expires_at.nullish(),
    expires_in: fields.expires_in.optional(),
  })
  .refine(notBoth.check, notBoth.options);

export const keyChangesSchema = z
  .strictObject({
    name: fields.name.optional(),
    scopes: fields.scopes.min(1).optional(),
    models: fields.models.nullish(),
    limits: fields.limits.nullish(),
    expires_at: fields.expires_at.nullish(),
    expires_in: fields.expires_in.optional(),
  })
  .refine(notBoth.check, notBoth.options);

export const rotationSchema = z.strictObject({
  grace: length('expected a length of time like 1h, at most 30d', { min: 0, max: MAX_GRACE_MS }).default(0),
});

export const keyQuerySchema = z.strictObject({ force: z.enum(['true', 'false']).default('false') });

const pageSize = z.coerce.number().int().min(1).max(1_000).default(100);

export const keyListQuerySchema = z.strictObject({
  limit: pageSize,
  after: z
    .string()
    .regex(/^key_[0-9a-f]{12}$/, 'expected the id of a key')
    .optional(),
});

/** An instant, or how long ago. */
const moment = z.union([
  instant,
  length('expected a time like 2026-11-22T10:00:00Z, or how long ago, like 1h', {
    min: 0,
    max: MAX_LIFETIME_MS,
  }).transform((ms) => Date.now() - ms),
]);

/** NUL is no text for PostgreSQL. */
const said = z
  .string()
  .min(1)
  .max(100)
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'expected text');

export const auditQuerySchema = z.strictObject({
  limit: pageSize,
  after: z
    .string()
    .regex(/^aud_[0-9a-f]{28}$/, 'expected the id of an entry')
    .optional(),
  actor: said.optional(),
  action: said.optional(),
  outcome: z.enum(['allowed', 'denied']).optional(),
  since: moment.optional(),
  until: moment.optional(),
});
