import { generateApiKey } from '@moltbot/auth';
import { effectiveAccess } from '@moltbot/config';
import type { Command } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readExpiry, readLimits, readModels, readScopes } from '../keys/key-options.js';
import { keyToJson, modelsText, shownDate, stateText } from '../keys/show-key.js';
import { recordAct, withStorage } from '../keys/with-storage.js';
import { table } from '../table.js';

export const keysCreate: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const [name = ''] = args;
  const scopes = readScopes({ options, context }) ?? ['chat'];
  const models = readModels({ options, context }) ?? undefined;
  const limits = readLimits({ options, context }) ?? undefined;
  const expiresAt = readExpiry({ options, context }) ?? undefined;
  return withStorage(context, async (storage, { server }) => {
    const { key, hash, prefix } = generateApiKey();
    const record = await storage.apiKeys.create({ name, hash, prefix, scopes, models, limits, expiresAt });
    recordAct(storage, { action: 'key.create', target: record.id, detail: { name: record.name, scopes, models } });
    // One of the two places where a key is shown: only its hash is kept.
    const secret = key.reveal();
    output.result({ ...keyToJson(record), key: secret });
    output.note(messages.keyCreated(record.name));
    output.line(secret);
    if (effectiveAccess(server) === 'open') output.note(messages.keyNotAsked);
    return 'ok';
  });
};

export const keysList: Command = async ({ context }) =>
  withStorage(context, async (storage) => {
    const { output, messages } = context;
    const keys = await storage.apiKeys.list();
    output.result({ keys: keys.map(keyToJson) });
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
      messages.columnMembers,
    ];
    const rows = keys.map((key) => [
      key.name,
      `${key.prefix}…`,
      stateText(key, context),
      key.scopes.join(','),
      shownDate(key.expiresAt, messages.never),
      shownDate(key.lastUsedAt, messages.never),
      modelsText(key, context),
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
    recordAct(storage, { action: 'key.revoke', target: record.id, detail: { name: record.name } });
    output.result(keyToJson(record));
    output.line(messages.keyRevoked(record.name));
    return 'ok';
  });
