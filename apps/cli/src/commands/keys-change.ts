import { generateApiKey } from '@moltbot/auth';
import { formatDuration } from '@moltbot/config';
import type { ApiKeyRecord, Storage } from '@moltbot/storage';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { readExpiry, readGrace, readLimits, readModels, readScopes } from '../keys/key-options.js';
import { keyToJson, limitsText, modelsText, shownDate, stateText } from '../keys/show-key.js';
import { recordAct, withStorage } from '../keys/with-storage.js';
import { table } from '../table.js';

const MICROS = 1_000_000;

export const keysShow: Command = async ({ args, context }) =>
  withStorage(context, async (storage) => {
    const { output, messages } = context;
    const key = await find(storage, args[0] ?? '', context);
    const budgets = await standingOf(storage, key);
    output.result({ ...keyToJson(key), budgets });
    const rows = [
      [messages.columnName, key.name],
      ['ID', key.id],
      [messages.columnPrefix, `${key.prefix}…`],
      [messages.columnState, stateText(key, context)],
      [messages.columnScopes, key.scopes.join(', ')],
      [messages.columnMembers, modelsText(key, context)],
      [messages.keyLimits, limitsText(key, context)],
      [messages.keyCreatedAt, shownDate(key.createdAt, messages.never)],
      [messages.columnExpires, shownDate(key.expiresAt, messages.never)],
      [messages.columnLastUsed, shownDate(key.lastUsedAt, messages.never)],
      ...(key.rotatedAt === undefined ? [] : [[messages.keyRotatedAt, shownDate(key.rotatedAt, messages.never)]]),
      ...(key.previousUntil === undefined || key.previousUntil <= Date.now()
        ? []
        : [[messages.keyFormerUntil, shownDate(key.previousUntil, messages.never)]]),
      ...(budgets === null
        ? []
        : [
            [messages.keySpentDay, messages.keySpent(budgets.day.spent, budgets.day.reserved)],
            [messages.keySpentMonth, messages.keySpent(budgets.month.spent, budgets.month.reserved)],
          ]),
    ];
    output.line(table(rows.map(([name = '', value = '']) => [output.style('bold', name), value])));
    return 'ok';
  });

export const keysUpdate: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const newName = options['name'];
  const scopes = readScopes({ options, context });
  const models = readModels({ options, context });
  const expiresAt = readExpiry({ options, context });
  // Read for its mistakes before anything is opened.
  readLimits({ options, context });
  return withStorage(context, async (storage) => {
    const before = await find(storage, args[0] ?? '', context);
    const limits = readLimits({ options, context }, before.limits);
    const changes = { name: typeof newName === 'string' ? newName : undefined, scopes, models, limits, expiresAt };
    if (Object.values(changes).every((value) => value === undefined)) {
      throw new CommandError('usage', messages.keyNothingToChange);
    }
    const key = await storage.apiKeys.update({ idOrName: before.id }, changes);
    if (key === undefined) throw unknown(before.name, context);
    const detail = { ...changes, limits: limits === null || limits === undefined ? limits : { ...limits } };
    recordAct(storage, { action: 'key.update', target: key.id, detail: { ...detail, name: key.name } });
    output.result(keyToJson(key));
    output.line(messages.keyUpdated(key.name));
    return 'ok';
  });
};

export const keysRotate: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const graceMs = readGrace({ options, context });
  return withStorage(context, async (storage) => {
    const { key, hash, prefix } = generateApiKey();
    const { id } = await find(storage, args[0] ?? '', context);
    const record = await storage.apiKeys.rotate({ idOrName: id }, { hash, prefix, graceMs });
    if (record === undefined) throw unknown(args[0] ?? '', context);
    recordAct(storage, { action: 'key.rotate', target: id, detail: { name: record.name, grace_ms: graceMs } });
    const secret = key.reveal();
    output.result({ ...keyToJson(record), key: secret });
    output.note(messages.keyRotated(record.name, graceMs === 0 ? '' : formatDuration(graceMs)));
    output.line(secret);
    return 'ok';
  });
};

async function find(storage: Storage, idOrName: string, context: CommandContext): Promise<ApiKeyRecord> {
  const key = await storage.apiKeys.find(idOrName);
  if (key === undefined) throw unknown(idOrName, context);
  return key;
}

function unknown(name: string, { messages }: CommandContext): CommandError {
  return new CommandError('failed', messages.keyUnknown(name), { code: 'not_found' });
}

/** Money of the running day and month, where the key has a budget. */
async function standingOf(storage: Storage, { id, limits }: ApiKeyRecord) {
  if (limits?.budget_per_day === undefined && limits?.budget_per_month === undefined) return null;
  const { day, month } = await storage.budgets.budgetOf(id);
  const money = (micros: bigint): number => Number(micros) / MICROS;
  const of = (period: typeof day, limit: number | undefined) => ({
    spent: money(period.spentMicros),
    reserved: money(period.reservedMicros),
    limit: limit ?? null,
    resetsInMs: period.resetsInMs,
  });
  return { day: of(day, limits.budget_per_day), month: of(month, limits.budget_per_month) };
}
