import { lastSummedHour, oldestUsage, sumUsageDay, sumUsageHour } from '@moltbot/storage';
import type { JobHandler } from '../deps.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Rows may come late, while the database was away: so many hours are summed up anew each time. */
const LATE_HOURS = 48;
/** One that starts on a large ledger does the rest the next time. */
const MOST_HOURS = 24 * 62;

/** Sums up the ledger by hour and by day, so that its rows may go. The same rows give the same sums, however often it runs. */
export const usageRollup: JobHandler<'usage-rollup'> = async (payload, deps, context) => {
  const { db } = await deps.storage();
  const oldest = await oldestUsage({ db });
  if (oldest === undefined) return { hours: 0, days: 0, sums: 0 };
  const now = Date.now();
  const last = await lastSummedHour({ db });
  const wanted = payload.from === undefined ? (last ?? oldest) - LATE_HOURS * HOUR_MS : Date.parse(payload.from);
  // Of the hour that the oldest row is in, some may be deleted already: its sums stay as they are, unless it has none.
  const complete = last === undefined ? oldest : hourAfter(oldest);
  const from = floorTo(Math.max(wanted, complete), HOUR_MS);
  let hours = 0;
  let sums = 0;
  const days = new Set<number>();
  for (let hour = from; hour <= now && hours < MOST_HOURS; hour += HOUR_MS) {
    context.signal.throwIfAborted();
    sums += await sumUsageHour({ db, hour });
    days.add(floorTo(hour, DAY_MS));
    hours += 1;
  }
  for (const day of days) {
    context.signal.throwIfAborted();
    sums += await sumUsageDay({ db, day });
  }
  return { hours, days: days.size, sums };
};

function floorTo(at: number, unit: number): number {
  return Math.floor(at / unit) * unit;
}

function hourAfter(at: number): number {
  return Math.ceil(at / HOUR_MS) * HOUR_MS;
}
