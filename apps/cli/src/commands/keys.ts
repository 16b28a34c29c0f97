import { generateApiKey } from '@moltbot/auth';
import { loadConfig, parseDuration } from '@moltbot/config';
import { type ApiKeyRecord, openStorage, type Storage } from '@moltbot/storage';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { table } from '../table.js';

const SCOPES: ReadonlySet<string> = new Set(['chat', 'jobs', 'admin']);
/** A hundred years. */
const MAX_LIFETIME_MS = 36_500 * 86_400_000;

export const keysCreate: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const [name = ''] = args;
  const scopes = readScopes(options['scopes'], context);
  const expiresAt = readExpiry(options['expires'], context);
  return withStorage(context, async (storage) => {
    const made = generateApiKey();
    const record = await storage.apiKeys.create({ name, hash: made.hash, prefix: made.prefix, scopes, expiresAt });
    // The one place where a key is shown: only its hash is kept.
    const key = made.key.reveal();
    output.result({ ...toJson(record), key });
    output.note(messages.keyCreated(record.name));
    output.line(key);
    return 'ok';
  });
};

export const keysList: Command = async ({ context }) =>
  withStorage(context, async (storage) => {
    const { output, messages } = context;
    const keys = await storage.apiKeys.list();
    output.result({ keys: keys.map(toJson) });
    if (keys.length === 0) {
      output.line(messages.noKeys);
      return 'ok';
    }
    const head = [
      messages.columnName,
      messages.columnPrefix,
      messages.columnState,
      messages.columnScopes,
      messages.columnExpires,
      messages.columnLastUsed,
    ];
    const rows = keys.map((key) => [
      key.name,
      `${key.prefix}…`,
      { active: messages.keyActive, revoked: messages.keyRevokedState, expired: messages.keyExpired }[stateOf(key)],
      key.scopes.join(','),
      date(key.expiresAt, messages.never),
      date(key.lastUsedAt, messages.never),
    ]);
    output.line(table([head.map((cell) => output.style('bold', cell)), ...rows]));
    return 'ok';
  });

export const keysRevoke: Command = async ({ args, context }) =>
  withStorage(context, async (storage) => {
    const { output, messages } = context;
    const [name = ''] = args;
    const record = await storage.apiKeys.revoke(name);
    if (record === undefined) throw new CommandError('failed', messages.keyUnknown(name), { code: 'not_found' });
    output.result(toJson(record));
    output.line(messages.keyRevoked(record.name));
    return 'ok';
  });

/** Joins the database of a running server, or starts it for this one command. */
async function withStorage(context: CommandContext, use: (storage: Storage) => Promise<'ok'>): Promise<'ok'> {
  const { paths, env, output, messages } = context;
  const { settings } = await loadConfig({ paths, env });
  const storage = await openStorage({
    settings,
    paths,
    poolSize: 1,
    applicationName: 'moltbot-cli',
    onEvent(event) {
      if (event.type === 'database-preparing') output.note(messages.preparingDatabase);
    },
  });
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

function readScopes(value: string | boolean | undefined, { messages }: CommandContext): readonly string[] {
  const scopes = typeof value === 'string' ? [...new Set(value.split(',').map((scope) => scope.trim()))] : ['chat'];
  const unknown = scopes.find((scope) => !SCOPES.has(scope));
  if (unknown !== undefined) throw new CommandError('usage', messages.badScope(unknown));
  return scopes;
}

function readExpiry(value: string | boolean | undefined, { messages }: CommandContext): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0 || ms > MAX_LIFETIME_MS) {
    throw new CommandError('usage', messages.badDuration(value));
  }
  return Date.now() + ms;
}

function stateOf(key: ApiKeyRecord): 'active' | 'revoked' | 'expired' {
  if (key.revokedAt !== undefined) return 'revoked';
  return key.expiresAt !== undefined && key.expiresAt <= Date.now() ? 'expired' : 'active';
}

function toJson(key: ApiKeyRecord) {
  const iso = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes,
    state: stateOf(key),
    createdAt: iso(key.createdAt),
    expiresAt: iso(key.expiresAt),
    lastUsedAt: iso(key.lastUsedAt),
  };
}

function date(at: number | undefined, never: string): string {
  return at === undefined ? never : new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
