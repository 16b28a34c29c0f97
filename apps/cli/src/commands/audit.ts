import { parseDuration } from '@moltbot/config';
import { auditEntries, type AuditEntry } from '@moltbot/storage';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { withStorage } from '../keys/with-storage.js';
import { table } from '../table.js';

const USUAL = 100;
const MOST = 10_000;
const PAGE = 1_000;

/** The audit log from the database itself, whether or not a server runs. */
export const audit: Command = async ({ options, context }) => {
  const { output, messages } = context;
  const since = readSince(options['since'], context);
  const limit = readLimit(options['limit'], context);
  const filter = {
    since,
    ...(options['denied'] === true && { outcome: 'denied' as const }),
    ...(typeof options['actor'] === 'string' && { actor: options['actor'] }),
    ...(typeof options['action'] === 'string' && { action: options['action'] }),
  };
  return withStorage(context, async (storage) => {
    const entries: AuditEntry[] = [];
    let after: string | undefined;
    do {
      const page = await auditEntries({
        db: storage.db,
        filter,
        after,
        limit: Math.min(PAGE, limit - entries.length),
      });
      entries.push(...page.entries);
      after = page.next;
    } while (after !== undefined && entries.length < limit);
    output.result({ entries: entries.map(toJson), more: after !== undefined });
    if (entries.length === 0) {
      output.line(messages.auditEmpty);
      return 'ok';
    }
    const head = [
      messages.auditTime,
      messages.auditActor,
      messages.auditSource,
      messages.auditAction,
      messages.auditTarget,
      messages.auditOutcome,
    ];
    const rows = entries.map((entry) => [
      new Date(entry.at).toISOString().slice(0, 19).replace('T', ' '),
      entry.actorName === undefined ? entry.actor : `${entry.actor} (${entry.actorName})`,
      entry.source ?? '',
      entry.action,
      entry.target ?? '',
      outcomeText(entry, context),
    ]);
    output.line(table([head.map((cell) => output.style('bold', cell)), ...rows]));
    if (after !== undefined) output.note(messages.auditMore(limit));
    return 'ok';
  });
};

function outcomeText({ outcome, errorCode, count, detail }: AuditEntry, { messages, output }: CommandContext): string {
  if (outcome === 'allowed') return messages.auditAllowed;
  const reason = typeof detail?.['reason'] === 'string' ? ` (${detail['reason']})` : '';
  const times = count > 1 ? ` ×${count}` : '';
  return output.style('yellow', `${errorCode ?? messages.auditDenied}${reason}${times}`);
}

function toJson(entry: AuditEntry) {
  return { ...entry, at: new Date(entry.at).toISOString() };
}

function readSince(value: string | boolean | undefined, { messages }: CommandContext): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = parseDuration(value);
  const at = ms === undefined ? Date.parse(value) : Date.now() - ms;
  if (!Number.isFinite(at)) throw new CommandError('usage', messages.badSince(value));
  return at;
}

function readLimit(value: string | boolean | undefined, { messages }: CommandContext): number {
  if (typeof value !== 'string') return USUAL;
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
    throw new CommandError('usage', messages.badCount(value, MOST));
  }
  return limit;
}
