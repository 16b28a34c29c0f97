import { setTimeout as wait } from 'node:timers/promises';
import type { Network } from '../network.js';
import { type ClockOffset, clockOffset, type ClockSample } from './clock-offset.js';

export interface MeasureClockOptions {
  /** Asked with GET and without any credential; the answer's status does not matter. */
  readonly url: string;
  readonly network: Pick<Network, 'fetch'>;
  /** What is known already. */
  readonly samples?: readonly ClockSample[] | undefined;
  /** Further requests; 4. */
  readonly requests?: number | undefined;
  /** For all of them; what came until then counts. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly now?: (() => number) | undefined;
}

/** Requests a little more than a fraction of a second apart: the header's whole seconds turn at some moment between two. */
const GAP_MS = 230;
const REQUESTS = 4;

/** Asks several times and narrows down by how much the server's clock differs. Never rejects for what the server does. */
export async function measureClock(options: MeasureClockOptions): Promise<ClockOffset | undefined> {
  const { url, network, requests = REQUESTS, timeoutMs, now = Date.now } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const samples = [...(options.samples ?? [])];
  try {
    for (let index = 0; index < requests; index += 1) {
      if (index > 0) await wait(GAP_MS, undefined, { signal });
      const sentAt = now();
      const began = performance.now();
      const answer = await network.fetch(url, {
        signal,
        headers: { accept: 'application/json', 'cache-control': 'no-cache' },
      });
      const receivedAt = sentAt + (performance.now() - began);
      await answer.body?.cancel();
      const date = answer.headers.get('date');
      if (date !== null) samples.push({ sentAt, receivedAt, date, age: answer.headers.get('age') ?? undefined });
    }
  } catch {
    // No more samples than these.
  }
  options.signal?.throwIfAborted();
  return clockOffset(samples);
}
