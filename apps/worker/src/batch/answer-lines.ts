import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type BatchEndpoint, MoltbotError } from '@moltbot/contracts';
import type { BatchResult } from '@moltbot/storage';
import type { JobDeps } from '../deps.js';
import { type BatchLine, readBatchLine } from './batch-line.js';
import type { BatchOwner } from './batch-owner.js';
import type { InputLine } from './input-lines.js';
import { answeredLine, failedLine, unsentLine } from './result-lines.js';
import { sendRequest } from './send-request.js';

export interface AnswerOptions {
  readonly deps: Pick<
    JobDeps,
    'requests' | 'limiter' | 'storage' | 'settings' | 'metrics' | 'traces' | 'batchSlots' | 'stopping'
  >;
  readonly batchId: string;
  readonly endpoint: BatchEndpoint;
  readonly lines: AsyncIterable<InputLine>;
  /** Lines that have their result. */
  readonly answered: ReadonlySet<number>;
  readonly owner: () => Promise<BatchOwner>;
  readonly keep: (result: BatchResult) => Promise<void>;
  /** Ends the work: lines under way are given up. */
  readonly signal: AbortSignal;
  /** The owner may send nothing any more: the budget is spent, the key is gone. */
  readonly onRefused: (error: MoltbotError) => void;
}

type RequestLine = Extract<BatchLine, { type: 'request' }>;

/** What failed and may succeed later is sent again this often; within a try the engine goes through the whole chain. */
const TRIES = 3;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const SHORT_ID = 40;
/**
 * Sends every line that has no result yet, so many at a time as there are slots, and keeps what comes of each.
 * @throws the signal's reason; MoltbotError `shutting_down` once what was under way has ended; those of the storage or the store
 */
export async function answerLines(options: AnswerOptions): Promise<void> {
  const { batchId, endpoint, answered, keep, signal, deps } = options;
  const seen = new Set<string>();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const running = new Set<Promise<void>>();
  const failed: { error?: unknown } = {};

  const begin = (line: RequestLine): void => {
    const task = answerLine({ ...options, signal: both }, line)
      .then(keep)
      .catch((error: unknown) => {
        failed.error ??= error;
        stop.abort(error);
      })
      .finally(() => running.delete(task));
    running.add(task);
  };

  try {
    for await (const input of options.lines) {
      const line = once(readBatchLine(input, endpoint), seen);
      if (answered.has(line.line)) continue;
      const most = deps.settings().worker.batch.concurrency;
      while (running.size >= most) await Promise.race(running);
      both.throwIfAborted();
      if (deps.stopping.aborted) throw new MoltbotError('shutting_down');
      if (line.type === 'refused') await keep(unsentLine({ ...line, batchId }, line));
      else begin(line);
    }
  } catch (error) {
    failed.error ??= error;
    // What was sent is paid: it may end, as long as the process may.
    if (!deps.stopping.aborted) stop.abort(error);
  }
  await Promise.all(running);
  if (failed.error !== undefined) throw failed.error;
}

/** The second request of an id is refused: nobody could tell their answers apart. */
function once(line: BatchLine, seen: Set<string>): BatchLine {
  if (line.type === 'refused') return line;
  const { customId } = line;
  // Long ones by their hash: there may be a million.
  const key = customId.length > SHORT_ID ? createHash('sha256').update(customId).digest('base64') : customId;
  if (!seen.has(key)) {
    seen.add(key);
    return line;
  }
  const message = `Line ${line.line}: another line before it has this custom_id.`;
  return { type: 'refused', line: line.line, customId, code: 'duplicate_custom_id', message };
}

/** Waits are without a slot: a batch at its limit does not hold up the others. @throws the signal's reason */
async function answerLine(options: AnswerOptions, line: RequestLine): Promise<BatchResult> {
  const { batchId, deps, endpoint, owner, onRefused, signal } = options;
  const of = { batchId, line: line.line, customId: line.customId };
  for (let tries = 0; ; ) {
    const release = await deps.batchSlots.acquire(signal);
    let waitMs: number;
    try {
      const sent = await sendRequest({ deps, endpoint, owner: await owner(), body: line.body, signal });
      if (sent.type === 'answered') return answeredLine(of, sent);
      if (sent.type === 'limited') {
        waitMs = sent.waitMs;
      } else if (sent.type === 'broke') {
        throw sent.error;
      } else {
        tries += 1;
        if (!sent.error.retryable || tries >= TRIES) return failedLine(of, sent);
        waitMs = Math.max(FIRST_WAIT_MS * 2 ** (tries - 1), sent.error.retryAfterMs ?? 0);
      }
    } catch (error) {
      // Nothing of it has to do with this one request: the owner is gone or out of money.
      if (!signal.aborted && error instanceof MoltbotError && !error.retryable) onRefused(error);
      throw error;
    } finally {
      release();
    }
    await delay(Math.min(waitMs, LONGEST_WAIT_MS), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
