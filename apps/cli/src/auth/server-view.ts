import { createServerClient } from '../client/server-client.js';
import type { CommandContext, CommandOptions } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** What the running server holds against a credential, as a whole or at one model. */
export interface CoolDown {
  readonly model: string | undefined;
  readonly reason: string;
  /** Unix ms. */
  readonly until: number;
}

/** What the running server says of the credentials. */
export type ServerView =
  | { readonly state: 'answered'; readonly url: string; readonly coolDowns: ReadonlyMap<string, readonly CoolDown[]> }
  | { readonly state: 'down' }
  /** It runs, but does not tell us. */
  | { readonly state: 'refused'; readonly code: string }
  | { readonly state: 'not-asked' };

/** @throws CommandError where a server that was named by --url does not answer */
export async function askServer(context: CommandContext, options: CommandOptions): Promise<ServerView> {
  try {
    const client = await createServerClient(context, options);
    return {
      state: 'answered',
      url: client.url,
      coolDowns: toCoolDowns(await client.getJson('/v1/admin/credentials')),
    };
  } catch (error) {
    if (!(error instanceof CommandError) || options['url'] !== undefined) throw error;
    return error.exit === 'unreachable' ? { state: 'down' } : { state: 'refused', code: error.code };
  }
}

function toCoolDowns(answer: unknown): ReadonlyMap<string, readonly CoolDown[]> {
  const found = new Map<string, readonly CoolDown[]>();
  for (const row of listOf(objectOf(answer)['data'])) {
    const { id, cooldowns } = objectOf(row);
    if (typeof id === 'string') found.set(id, listOf(cooldowns).flatMap(toCoolDown));
  }
  return found;
}

function toCoolDown(value: unknown): readonly CoolDown[] {
  const { model, reason, until } = objectOf(value);
  const at = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(at)) return [];
  return [{ model: typeof model === 'string' ? model : undefined, reason: String(reason), until: at }];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
