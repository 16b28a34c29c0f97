import type { AttemptRecord, RequestRecord } from '@moltbot/contracts';
import type { Database } from './database.js';
import { LEDGER_STATEMENTS } from './ledger-statements.js';
import { storableText } from './storable-text.js';
import { isValueError } from './storage-error.js';
import { pause, within } from './within.js';

export interface UsageDrop {
  readonly count: number;
  /** Of them rows of whole requests: nothing else says how those ended. */
  readonly requests: number;
  readonly reason: 'full' | 'refused' | 'closed';
}

export interface UsageLedgerOptions {
  readonly db: Database;
  readonly flushIntervalMs?: number;
  /** Rows kept while they can't be written; further ones are dropped and counted. */
  readonly maxBuffered?: number;
  /** Rows per statement. */
  readonly batchSize?: number;
  /** Longest wait between two tries while the database is away. */
  readonly maxBackoffMs?: number;
  /** Told at most once per flush interval. `refused`: the database can't hold the row's values. */
  readonly onDropped?: (drop: UsageDrop) => void;
  /** A flush that failed; its rows are kept and tried again. */
  readonly onError?: (error: unknown) => void;
}

export interface UsageLedgerStats {
  readonly buffered: number;
  /** Rows the database has confirmed; a row that was there already counts too. */
  readonly written: number;
  readonly dropped: number;
  readonly failedFlushes: number;
}

/** Writes what happened, in batches and behind the answers. Each row once: (request id, index) and (request id) are keys. */
export interface UsageLedger {
  /** Synchronous; never throws. The record is written later and must not be changed. */
  recordAttempt(record: AttemptRecord): void;
  recordRequest(record: RequestRecord): void;
  /** Tries once, now, to write all that is buffered. @returns whether nothing is left */
  flush(): Promise<boolean>;
  stats(): UsageLedgerStats;
  /** Goes on trying for `timeoutMs` (5000), then drops and counts what is left. Records that come later are dropped. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

type Kind = keyof typeof LEDGER_STATEMENTS;
type DropReason = 'full' | 'refused' | 'closed';

export function createUsageLedger(options: UsageLedgerOptions): UsageLedger {
  const { db } = options;
  const flushIntervalMs = options.flushIntervalMs ?? 250;
  const maxBuffered = options.maxBuffered ?? 50_000;
  const batchSize = options.batchSize ?? 1_000;
  const maxBackoffMs = options.maxBackoffMs ?? 5_000;
  const onDropped = options.onDropped ?? (() => {});
  const onError = options.onError ?? (() => {});

  const rows: { attempts: AttemptRecord[]; requests: RequestRecord[] } = { attempts: [], requests: [] };
  const drops = { full: noDrops(), refused: noDrops(), closed: noDrops() };
  let buffered = 0;
  let written = 0;
  let dropped = 0;
  let failedFlushes = 0;
  let failuresInARow = 0;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<boolean> | undefined;
  let closed = false;
  /** A flush that is still under way when `close` gives up has nothing to say any more. */
  let abandoned = false;

  function record<K extends Kind>(kind: K, row: (typeof rows)[K][number]): void {
    if (closed || buffered >= maxBuffered) {
      drop(kind, 1, closed ? 'closed' : 'full');
    } else {
      (rows[kind] as (typeof row)[]).push(row);
      buffered += 1;
    }
    if (timer === undefined && flushing === undefined) arm();
  }

  function drop(kind: Kind, count: number, reason: DropReason): void {
    dropped += count;
    drops[reason].count += count;
    if (kind === 'requests') drops[reason].requests += count;
  }

  function tellDrops(): void {
    for (const reason of ['full', 'refused', 'closed'] as const) {
      const { count, requests } = drops[reason];
      drops[reason] = noDrops();
      if (count > 0) onDropped({ count, requests, reason });
    }
  }

  function arm(): void {
    const wait = failuresInARow === 0 ? flushIntervalMs : Math.min(flushIntervalMs * 2 ** failuresInARow, maxBackoffMs);
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, wait);
    timer.unref();
  }

  function flush(): Promise<boolean> {
    flushing ??= writeAll().finally(() => {
      flushing = undefined;
      if (buffered > 0 && timer === undefined && !closed) arm();
    });
    return flushing;
  }

  async function writeAll(): Promise<boolean> {
    clearTimeout(timer);
    timer = undefined;
    tellDrops();
    try {
      await writeKind('attempts');
      await writeKind('requests');
      failuresInARow = 0;
    } catch (error) {
      failedFlushes += 1;
      failuresInARow += 1;
      onError(error);
    }
    tellDrops();
    return buffered === 0;
  }

  /** Writes what is there at the start; what comes meanwhile waits for the next flush. */
  async function writeKind(kind: Kind): Promise<void> {
    for (let left = rows[kind].length; left > 0; ) {
      const batch = rows[kind].slice(0, Math.min(left, batchSize));
      const { saved, refused } = await writeBatch(kind, batch);
      if (abandoned) return;
      rows[kind].splice(0, batch.length);
      buffered -= batch.length;
      written += saved;
      if (refused > 0) drop(kind, refused, 'refused');
      left -= batch.length;
    }
  }

  /** One row that the database can't hold (a NUL in a name, a count beyond bigint) must not hold up the others: halve. */
  async function writeBatch(
    kind: Kind,
    batch: readonly (AttemptRecord | RequestRecord)[],
  ): Promise<{ saved: number; refused: number }> {
    try {
      await db.run(LEDGER_STATEMENTS[kind], [JSON.stringify(batch)]);
      return { saved: batch.length, refused: 0 };
    } catch (error) {
      if (!isValueError(error)) throw error;
      if (batch.length === 1) return writeCleaned(kind, batch[0] as AttemptRecord | RequestRecord);
      const middle = batch.length >> 1;
      const left = await writeBatch(kind, batch.slice(0, middle));
      const right = await writeBatch(kind, batch.slice(middle));
      return { saved: left.saved + right.saved, refused: left.refused + right.refused };
    }
  }

  async function writeCleaned(
    kind: Kind,
    row: AttemptRecord | RequestRecord,
  ): Promise<{ saved: number; refused: number }> {
    try {
      await db.run(LEDGER_STATEMENTS[kind], [JSON.stringify([withStorableText(row)])]);
      return { saved: 1, refused: 0 };
    } catch (error) {
      if (!isValueError(error)) throw error;
      return { saved: 0, refused: 1 };
    }
  }

  async function close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (closed) return;
    closed = true;
    clearTimeout(timer);
    timer = undefined;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0 || (await within(flush(), left)) === true) break;
      if (failuresInARow > 0) await pause(Math.min(200, Math.max(0, deadline - performance.now())));
    }
    abandoned = true;
    for (const kind of ['attempts', 'requests'] as const) drop(kind, rows[kind].length, 'closed');
    buffered = 0;
    rows.attempts = [];
    rows.requests = [];
    tellDrops();
  }

  return {
    recordAttempt: (row) => record('attempts', row),
    recordRequest: (row) => record('requests', row),
    flush,
    stats: () => ({ buffered, written, dropped, failedFlushes }),
    close,
  };
}

function noDrops(): { count: number; requests: number } {
  return { count: 0, requests: 0 };
}

/** NUL and half surrogate pairs, which a caller may put into a model's name, are no text for PostgreSQL. */
function withStorableText(row: AttemptRecord | RequestRecord): object {
  const entries = Object.entries(row).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? storableText(value) : value,
  ]);
  return Object.fromEntries(entries) as object;
}
