import { keyLimits, type KeyLimits, parseDuration } from '@moltbot/config';
import { isScope } from '@moltbot/contracts';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** A hundred years. */
const MAX_LIFETIME_MS = 36_500 * 86_400_000;
const MAX_GRACE_MS = 30 * 86_400_000;

/** Options of the command line by the limit that they set. */
const LIMIT_OPTIONS = {
  requestsPerMinute: { limit: 'requests_per_minute', flag: '--requests-per-minute' },
  tokensPerMinute: { limit: 'tokens_per_minute', flag: '--tokens-per-minute' },
  parallel: { limit: 'parallel_requests', flag: '--parallel' },
  budgetDay: { limit: 'budget_per_day', flag: '--budget-day' },
  budgetMonth: { limit: 'budget_per_month', flag: '--budget-month' },
} as const satisfies Record<string, { readonly limit: keyof KeyLimits; readonly flag: string }>;

interface Words {
  readonly options: CommandOptions;
  readonly context: CommandContext;
}

/** `undefined` where nothing is said. @throws CommandError `usage` */
export function readScopes({ options, context }: Words): readonly string[] | undefined {
  const scopes = readList(options['scopes']);
  const unknown = scopes?.find((scope) => !isScope(scope));
  if (unknown !== undefined) throw new CommandError('usage', context.messages.badScope(unknown));
  return scopes;
}

/** `null`: `all`, no restriction. What a name of a model may be is checked by the store. */
export function readModels({ options }: Words): readonly string[] | null | undefined {
  const models = readList(options['models']);
  return models?.length === 1 && models[0] === 'all' ? null : models;
}

/** The limits with what the command line says changed in them; `none` takes one away. `undefined` where it says nothing. */
export function readLimits({ options, context }: Words, before: KeyLimits = {}): KeyLimits | null | undefined {
  const limits: Record<string, number> = { ...before };
  let said = false;
  for (const [option, { limit, flag }] of Object.entries(LIMIT_OPTIONS)) {
    const value = options[option];
    if (typeof value !== 'string') continue;
    said = true;
    delete limits[limit];
    if (value.toLowerCase() === 'none') continue;
    const amount = value.trim() === '' ? Number.NaN : Number(value);
    if (!keyLimits.safeParse({ [limit]: amount }).success) {
      throw new CommandError('usage', context.messages.badLimit(flag, value));
    }
    limits[limit] = amount;
  }
  if (!said) return undefined;
  return Object.keys(limits).length === 0 ? null : limits;
}

/** `null`: `never`. Unix ms. */
export function readExpiry({ options, context }: Words): number | null | undefined {
  const value = options['expires'];
  if (typeof value !== 'string') return undefined;
  if (value === 'never') return null;
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0 || ms > MAX_LIFETIME_MS) {
    throw new CommandError('usage', context.messages.badDuration(value));
  }
  return Date.now() + ms;
}

export function readGrace({ options, context }: Words): number {
  const value = options['grace'];
  if (typeof value !== 'string') return 0;
  const ms = parseDuration(value);
  if (ms === undefined || ms > MAX_GRACE_MS) throw new CommandError('usage', context.messages.badGrace(value));
  return ms;
}

function readList(value: string | boolean | undefined): readonly string[] | undefined {
  if (typeof value !== 'string') return undefined;
  return [...new Set(value.split(',').map((item) => item.trim()))];
}
