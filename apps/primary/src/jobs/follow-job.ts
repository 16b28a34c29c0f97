import { setTimeout as delay } from 'node:timers/promises';
import { ENDED_JOB_STATES, type JobView, MoltbotError } from '@moltbot/contracts';
import type { JobEventRow, JobProgress } from '@moltbot/queue';
import { toMoltbotError } from '../core/http-errors.js';
import { toJobView } from './job-object.js';

/** Where a reader stopped: the number of the last row it has, and whether it saw the end. */
export interface EventPosition {
  readonly row: number;
  readonly ended: boolean;
}

const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 500;
const KEEP_ALIVE_MS = 15_000;
const MAX_FAILURES = 3;
/** The browser comes back after this. */
const RETRY_MS = 1_000;

/** `Last-Event-ID` as we gave it; anything else begins at the beginning. */
export function readEventPosition(header: string | string[] | undefined): EventPosition {
  const match = /^(\d{1,9})(-end)?$/.exec(typeof header === 'string' ? header : '');
  return { row: Number(match?.[1] ?? 0), ended: match?.[2] !== undefined };
}

export interface FollowJobOptions {
  readonly first: JobProgress;
  readonly position: EventPosition;
  /** What happened behind that row. @throws MoltbotError `queue_unavailable` */
  readonly look: (after: number) => Promise<JobProgress | undefined>;
  readonly signal: AbortSignal;
  /** Milliseconds that only grow. */
  readonly elapsed?: () => number;
}

/**
 * A job's life as server-sent events: `state` (the job, whenever it changes), `progress`, `attempt-failed` and `retried` (each once,
 * also for readers who come back), `end` (the job with its result). Ends with the job, with the signal, or with `error`.
 */
export async function* followJob(options: FollowJobOptions): AsyncGenerator<string, void, undefined> {
  const { look, signal } = options;
  const elapsed = options.elapsed ?? (() => performance.now());
  let { first: progress } = options;
  let { row } = options.position;
  let state = '';
  let spoke = elapsed();
  let failures = 0;
  let pauseMs = FIRST_LOOK_MS;
  yield `retry: ${RETRY_MS}\n\n`;
  while (!signal.aborted) {
    const events: string[] = [];
    for (const entry of progress.rows) events.push(toEvent(String(entry.number), entry.row.type, toData(entry.row)));
    row = Math.max(row, progress.last);
    const { job } = progress;
    const view = toJobView(job);
    const now = JSON.stringify({ ...view, progress: null });
    // Rows that still wait to be read are older than the end.
    const ended = ENDED_JOB_STATES.has(job.state) && !progress.more;
    if (ended) events.push(toEvent(`${row}-end`, 'end', toJobView(job, { alone: true })));
    else if (now !== state) events.push(toEvent(String(row), 'state', view));
    state = now;
    if (events.length > 0) {
      yield events.join('');
      spoke = elapsed();
      pauseMs = FIRST_LOOK_MS;
    } else if (elapsed() - spoke >= KEEP_ALIVE_MS) {
      yield ': keep-alive\n\n';
      spoke = elapsed();
    }
    if (ended) return;
    if (!progress.more) {
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_LOOK_MS);
    }
    if (signal.aborted) return;
    try {
      const next = await look(row);
      if (next === undefined) throw new MoltbotError('not_found', 'The job is not kept any longer.');
      progress = next;
      failures = 0;
    } catch (error) {
      const { code, message, retryable } = toMoltbotError(error);
      failures += 1;
      if (!retryable || failures === MAX_FAILURES) {
        yield toEvent(undefined, 'error', { error: { code, message } });
        return;
      }
      progress = { job, rows: [], last: row, more: false };
      pauseMs = LONGEST_LOOK_MS;
    }
  }
}

function toData(row: JobEventRow): object {
  const at = new Date(row.at).toISOString();
  switch (row.type) {
    case 'progress':
      return { at, progress: row.progress };
    case 'attempt-failed':
      return { at, attempt: row.attempt, error: row.error };
    default:
      return { at };
  }
}

function toEvent(id: string | undefined, event: string, data: object | JobView): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
