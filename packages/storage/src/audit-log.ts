import { randomBytes } from 'node:crypto';
import type { AuditRecord } from '@moltbot/contracts';
import type { Database, Statement } from './database.js';
import { storableText } from './storable-text.js';
import { isValueError } from './storage-error.js';
import { pause, within } from './within.js';

export interface AuditLogOptions {
  readonly db: Database;
  readonly flushIntervalMs?: number;
  /** Rows kept while they can't be written; further ones are dropped and counted. */
  readonly maxBuffered?: number;
  /** Longest wait between two tries while the database is away. */
  readonly maxBackoffMs?: number;
  readonly onDropped?: (drop: { readonly count: number; readonly reason: 'full' | 'refused' | 'closed' }) => void;
  /** A flush that failed; its rows are kept and tried again. */
  readonly onError?: (error: unknown) => void;
}

/** Writes behind the answers who was refused and who changed what. Each row once, however often a batch is tried. */
export interface AuditLog {
  /** Synchronous; never throws. Texts are cut and cleaned; `detail` must be small and hold no secret. */
  record(record: AuditRecord): void;
  /** Tries once, now, to write all that is buffered. Never rejects. @returns whether nothing is left */
  flush(): Promise<boolean>;
  stats(): { readonly buffered: number; readonly written: number; readonly dropped: number };
  /** Tries until `timeoutMs` (2000), then drops and counts what is left. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

const BATCH = 500;
const MAX_TEXT = 300;
const MAX_DETAIL = 4_000;

const INSERT: Statement = {
  name: 'moltbot_audit_insert',
  text: `insert into audit_log (id, at, actor, actor_name, source, action, target, outcome, error_code, request_id, count, detail)
  select id, to_timestamp("at" / 1000), actor, "actorName", source, action, target, outcome, "errorCode", "requestId",
    coalesce("count", 1), detail
  from json_to_recordset($1::json) as record (id text, "at" float8, actor text, "actorName" text, source text, action text,
    target text, outcome text, "errorCode" text, "requestId" text, "count" integer, detail jsonb)
  on conflict (id) do nothing`,
};

export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { db } = options;
  const flushIntervalMs = options.flushIntervalMs ?? 250;
  const maxBuffered = options.maxBuffered ?? 10_000;
  const maxBackoffMs = options.maxBackoffMs ?? 5_000;
  const onDropped = options.onDropped ?? (() => {});
  const onError = options.onError ?? (() => {});
  const nextId = auditIds();
  let rows: object[] = [];
  let written = 0;
  let dropped = 0;
  let failuresInARow = 0;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<boolean> | undefined;
  let closed = false;

  function drop(count: number, reason: 'full' | 'refused' | 'closed'): void {
    dropped += count;
    onDropped({ count, reason });
  }

  function arm(): void {
    if (timer !== undefined || flushing !== undefined || closed || rows.length === 0) return;
    const wait = Math.min(flushIntervalMs * 2 ** failuresInARow, Math.max(maxBackoffMs, flushIntervalMs));
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, wait);
    timer.unref();
  }

  function flush(): Promise<boolean> {
    flushing ??= writeAll().finally(() => {
      flushing = undefined;
      arm();
    });
    return flushing;
  }

  async function writeAll(): Promise<boolean> {
    clearTimeout(timer);
    timer = undefined;
    try {
      // What comes meanwhile waits for the next flush: a flood must not keep this one going.
      for (let left = rows.length; left > 0; ) {
        const batch = rows.slice(0, Math.min(left, BATCH));
        const saved = await writeBatch(batch);
        // Nothing but `close` takes rows away meanwhile.
        rows = rows.slice(batch.length);
        written += saved;
        left -= batch.length;
      }
      failuresInARow = 0;
    } catch (error) {
      failuresInARow = Math.min(failuresInARow + 1, 16);
      onError(error);
    }
    return rows.length === 0;
  }

  /** A row that the database can't hold must not hold up the others. */
  async function writeBatch(batch: readonly object[]): Promise<number> {
    try {
      await db.run(INSERT, [JSON.stringify(batch)]);
      return batch.length;
    } catch (error) {
      if (!isValueError(error)) throw error;
      if (batch.length === 1) {
        drop(1, 'refused');
        return 0;
      }
      const middle = batch.length >> 1;
      return (await writeBatch(batch.slice(0, middle))) + (await writeBatch(batch.slice(middle)));
    }
  }

  return {
    record(record) {
      if (closed || rows.length >= maxBuffered) {
        drop(1, closed ? 'closed' : 'full');
        return;
      }
      rows.push({ id: nextId(record.at), ...toStorable(record) });
      arm();
    },
    flush,
    stats: () => ({ buffered: rows.length, written, dropped }),
    async close({ timeoutMs = 2_000 } = {}) {
      if (closed) return;
      const deadline = performance.now() + timeoutMs;
      while (rows.length > 0) {
        const left = deadline - performance.now();
        if (left <= 0) break;
        await within(flush(), left);
        if (failuresInARow > 0) await pause(Math.min(100, Math.max(0, deadline - performance.now())));
      }
      closed = true;
      clearTimeout(timer);
      if (rows.length > 0) drop(rows.length, 'closed');
      rows = [];
    },
  };
}

/** Ids that sort by time, then by the order in which they were recorded, then by process. */
function auditIds(): (at: number) => string {
  const process = randomBytes(4).toString('hex');
  let sequence = 0;
  return (at) => {
    sequence = (sequence + 1) % 0x1_0000_0000;
    return `${auditTimePrefix(at)}${sequence.toString(16).padStart(8, '0')}${process}`;
  };
}

/** The first characters of the ids of an instant. */
export function auditTimePrefix(at: number): string {
  const ms = Math.min(Math.max(0, Math.floor(at)), 0xffff_ffff_ffff);
  return `aud_${ms.toString(16).padStart(12, '0')}`;
}

/** Some texts are the caller's: bounded, without NUL and half surrogate pairs, which are no text for PostgreSQL. */
function toStorable(record: AuditRecord): object {
  const entries = Object.entries(record).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? shortText(value) : value,
  ]);
  const row = Object.fromEntries(entries) as Record<string, unknown>;
  const detail = record.detail === undefined ? undefined : JSON.stringify(record.detail).toWellFormed();
  if (detail === undefined) return row;
  const kept = detail.length > MAX_DETAIL ? { cut: detail.length } : (JSON.parse(detail, cleanText) as unknown);
  return { ...row, detail: kept };
}

function cleanText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? shortText(value) : value;
}

function shortText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return storableText(short);
}
