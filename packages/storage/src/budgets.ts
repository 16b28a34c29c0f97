import { randomUUID } from 'node:crypto';
import type { BudgetAnswer, BudgetAsk, BudgetLedger, BudgetStanding } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { BUDGET_STATEMENTS } from './budget-statements.js';
import type { Database } from './database.js';
import { storableText } from './storable-text.js';
import { pause, within } from './within.js';

export interface BudgetsOptions {
  readonly db: Database;
  /** Unix ms, for tests: by default days and months are those of the database's clock, the same for all processes. */
  readonly clock?: (() => number) | undefined;
  /** How long a caller may be kept waiting for a reservation. */
  readonly reserveTimeoutMs?: number | undefined;
  /** How often reservations of processes that died are looked for. */
  readonly lapseIntervalMs?: number | undefined;
  /** Something could not be written now: it is kept and tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The budgets of callers, with the handles of whoever runs them. */
export interface Budgets extends BudgetLedger {
  /** What a key has spent and set aside in the running day and month. @throws MoltbotError `storage_unavailable` */
  budgetOf(keyId: string): Promise<BudgetStanding>;
  /** Tries once, now, to write all settlements. @returns whether nothing is left */
  flush(): Promise<boolean>;
  /** Takes reservations whose time is over as spent, 500 at most. @returns how many */
  lapse(): Promise<number>;
  /** Goes on trying for `timeoutMs` (5000). What can't be written lapses: it counts as spent in full. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

interface Waiting {
  readonly id: string;
  readonly ask: BudgetAsk;
  readonly answer: (answer: BudgetAnswer) => void;
  readonly fail: (error: unknown) => void;
  /** Its caller has been told, or has waited long enough. */
  over: boolean;
}

interface ReserveRow {
  readonly id: string;
  readonly granted: boolean;
  readonly day_spent: string;
  readonly day_reserved: string;
  readonly month_spent: string;
  readonly month_reserved: string;
  readonly day_left_ms: number;
  readonly month_left_ms: number;
}

/** Asks, or settlements, of one statement. */
const BATCH = 500;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
/** While the database is away, every ask that may have reached it is one to take back. What does not fit lapses. */
const MOST_UNWRITTEN = 100_000;
/** What the columns hold. */
const LARGEST_MICROS = 4_000_000_000_000_000_000n;

/**
 * Budgets in the database. While one statement of a kind is under way, those who come meanwhile wait for the next: many callers
 * at once cost few round trips, and one alone waits for nobody.
 */
export function createBudgets(options: BudgetsOptions): Budgets {
  const { db, clock, reserveTimeoutMs = 5_000, lapseIntervalMs = 300_000, onError = () => {} } = options;
  const moment = (): number | null => clock?.() ?? null;
  let asks: Waiting[] = [];
  let asking: Promise<void> | undefined;
  let busy = false;
  const settlements = new Map<string, bigint>();
  let writing: Promise<boolean> | undefined;
  let writeTimer: NodeJS.Timeout | undefined;
  let failuresInARow = 0;
  let open = 0;
  let closed = false;

  const lapseTimer = setInterval(() => {
    lapse().catch(onError);
  }, lapseIntervalMs).unref();

  function reserve(ask: BudgetAsk): Promise<BudgetAnswer> {
    if (closed) return Promise.reject(new MoltbotError('storage_unavailable'));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        waiting.over = true;
        clearTimeout(timer);
      };
      const waiting: Waiting = {
        id: randomUUID(),
        ask,
        answer: (answer) => {
          end();
          resolve(answer);
        },
        fail: (error) => {
          end();
          reject(error);
        },
        over: false,
      };
      const timer = setTimeout(() => {
        waiting.fail(new MoltbotError('storage_unavailable', 'The database takes too long to look up the budget.'));
      }, reserveTimeoutMs);
      asks.push(waiting);
      if (!busy) asking = askAll();
    });
  }

  async function askAll(): Promise<void> {
    busy = true;
    try {
      while (asks.length > 0) {
        const batch = asks.slice(0, BATCH).filter((waiting) => !waiting.over);
        asks = asks.slice(BATCH);
        if (batch.length > 0) await askBatch(batch);
      }
    } finally {
      // In the same moment in which the last is answered: who asks in the next must not wait for nobody.
      busy = false;
    }
  }

  async function askBatch(batch: readonly Waiting[]): Promise<void> {
    let rows: readonly ReserveRow[];
    try {
      rows = await db.run<ReserveRow>(BUDGET_STATEMENTS.reserve, reserveValues(batch, moment()));
    } catch (error) {
      for (const { id, fail } of batch) {
        // The connection may have broken after the database had done it.
        note(id, 0n);
        fail(error);
      }
      return;
    }
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const waiting of batch) {
      const row = byId.get(waiting.id);
      if (waiting.over) note(waiting.id, 0n);
      else if (row === undefined) waiting.fail(new MoltbotError('storage_unavailable'));
      else {
        if (row.granted) open += 1;
        const standing = toStanding(row);
        waiting.answer(
          row.granted ? { state: 'reserved', reservationId: waiting.id, standing } : { state: 'refused', standing },
        );
      }
    }
  }

  function note(id: string, cost: bigint): void {
    if (settlements.has(id) || settlements.size >= MOST_UNWRITTEN) return;
    settlements.set(id, inColumn(cost));
    // In the next turn of the loop: answers that end together are one statement.
    if (writing === undefined && writeTimer === undefined && !closed) arm(0);
  }

  function arm(waitMs: number): void {
    writeTimer = setTimeout(() => {
      writeTimer = undefined;
      void flush();
    }, waitMs);
    if (waitMs > 0) writeTimer.unref();
  }

  function flush(): Promise<boolean> {
    clearTimeout(writeTimer);
    writeTimer = undefined;
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (settlements.size === 0 || closed) return;
      arm(failuresInARow === 0 ? 0 : Math.min(FIRST_RETRY_MS * 2 ** (failuresInARow - 1), LAST_RETRY_MS));
    });
    return writing;
  }

  /** Writes what is there at the start, and what has come meanwhile. */
  async function writeAll(): Promise<boolean> {
    try {
      while (settlements.size > 0) {
        const batch = [...settlements].slice(0, BATCH);
        await db.run(BUDGET_STATEMENTS.settle, [batch.map(([id]) => id), batch.map(([, cost]) => String(cost))]);
        for (const [id] of batch) settlements.delete(id);
      }
      failuresInARow = 0;
      return true;
    } catch (error) {
      failuresInARow += 1;
      onError(error);
      return false;
    }
  }

  async function lapse(): Promise<number> {
    const [row] = await db.run<{ readonly ended: number }>(BUDGET_STATEMENTS.lapse, [moment()]);
    return row?.ended ?? 0;
  }

  async function close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (closed) return;
    closed = true;
    clearInterval(lapseTimer);
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    await within(asking ?? Promise.resolve(), left());
    while (settlements.size > 0 && left() > 0) {
      const written = await within(flush(), left());
      if (written === false) await pause(Math.min(200, left()));
    }
    clearTimeout(writeTimer);
    writeTimer = undefined;
  }

  return {
    reserve,
    settle(reservationId, spentMicros) {
      open -= 1;
      note(reservationId, spentMicros);
    },
    stats: () => ({ open, unwritten: settlements.size }),
    async budgetOf(keyId) {
      const rows = await db.run<StandingRow>(BUDGET_STATEMENTS.standing, [storableText(keyId), moment()]);
      const of = (period: string): BudgetStanding['day'] => {
        const row = rows.find((candidate) => candidate.period === period);
        return toPeriod(row?.spent ?? '0', row?.reserved ?? '0', row?.left_ms ?? 0);
      };
      return { day: of('day'), month: of('month') };
    },
    flush,
    lapse,
    close,
  };
}

interface StandingRow {
  readonly period: string;
  readonly spent: string;
  readonly reserved: string;
  readonly left_ms: number;
}

function reserveValues(batch: readonly Waiting[], moment: number | null): readonly unknown[] {
  const limit = (micros: bigint | undefined): string | null => (micros === undefined ? null : String(inColumn(micros)));
  return [
    batch.map(({ id }) => id),
    batch.map(({ ask }) => storableText(ask.keyId)),
    batch.map(({ ask }) => String(ask.amountMicros > 1n ? inColumn(ask.amountMicros) : 1n)),
    batch.map(({ ask }) => limit(ask.dayLimitMicros)),
    batch.map(({ ask }) => limit(ask.monthLimitMicros)),
    batch.map(({ ask }) => ask.lapseAfterMs),
    moment,
  ];
}

function toStanding(row: ReserveRow): BudgetStanding {
  return {
    day: toPeriod(row.day_spent, row.day_reserved, row.day_left_ms),
    month: toPeriod(row.month_spent, row.month_reserved, row.month_left_ms),
  };
}

/** Amounts come as text: the pool reads bigint as a number, which ends at 2^53. */
function toPeriod(spent: string, reserved: string, leftMs: number): BudgetStanding['day'] {
  return { spentMicros: BigInt(spent), reservedMicros: BigInt(reserved), resetsInMs: Math.max(0, Math.ceil(leftMs)) };
}

function inColumn(micros: bigint): bigint {
  if (micros < 0n) return 0n;
  return micros > LARGEST_MICROS ? LARGEST_MICROS : micros;
}
