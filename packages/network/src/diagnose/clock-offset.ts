/** One answer that had a `Date` header, by this machine's clock. */
export interface ClockSample {
  /** Unix ms: before the request was sent, and when its answer's head was there. */
  readonly sentAt: number;
  readonly receivedAt: number;
  /** The header's text (RFC 9110, section 5.6.7). */
  readonly date: string;
  /** Seconds that the answer lay in a cache (RFC 9111, section 5.1). */
  readonly age?: string | undefined;
}

/** A server's clock minus ours. */
export interface ClockOffset {
  readonly offsetMs: number;
  /** The truth is within this of `offsetMs`, both ways. */
  readonly uncertaintyMs: number;
  /** The shortest there was. */
  readonly roundTripMs: number;
  readonly samples: number;
}

/** `Date` is cut to whole seconds … */
const RESOLUTION_MS = 1_000;
/** … and servers write it ahead of time, some up to this much. */
const STALENESS_MS = 50;

/**
 * The server wrote its time at some moment between sending and receiving: each sample is an interval, and what all of them
 * share is the offset. Where they share nothing (several servers behind one name) it is all that they span.
 * @returns `undefined` where no sample has a time that can be read
 */
export function clockOffset(samples: readonly ClockSample[]): ClockOffset | undefined {
  const intervals = samples.flatMap((sample) => intervalOf(sample) ?? []);
  if (intervals.length === 0) return undefined;
  const lowest = Math.max(...intervals.map(({ low }) => low));
  const highest = Math.min(...intervals.map(({ high }) => high));
  const [low, high] =
    lowest <= highest
      ? [lowest, highest]
      : [Math.min(...intervals.map((one) => one.low)), Math.max(...intervals.map((one) => one.high))];
  return {
    offsetMs: Math.round((low + high) / 2),
    uncertaintyMs: Math.ceil((high - low) / 2),
    roundTripMs: Math.round(Math.min(...samples.map(({ sentAt, receivedAt }) => receivedAt - sentAt))),
    samples: intervals.length,
  };
}

function intervalOf(sample: ClockSample): { readonly low: number; readonly high: number } | undefined {
  const told = Date.parse(sample.date);
  const age = /^\d{1,9}$/.test(sample.age ?? '0') ? Number(sample.age ?? '0') : Number.NaN;
  if (!Number.isFinite(told) || !Number.isFinite(age)) return undefined;
  // A cache counts whole seconds too.
  const slack = age === 0 ? 0 : RESOLUTION_MS;
  const at = told + age * 1_000;
  return { low: at - sample.receivedAt, high: at + RESOLUTION_MS + STALENESS_MS + slack - sample.sentAt };
}

/** What one host's clock says of ours. */
export interface HostOffset extends ClockOffset {
  /** `host:port` */
  readonly host: string;
}

/**
 * - `right`: no host differs by more than the tolerance
 * - `ours`: every host differs by the same
 * - `ours-likely`: the only host that could be asked differs
 * - `theirs`: some differ and others don't: those `hosts` are off
 * - `unclear`: all differ, each by something else
 * - `unknown`: nobody told a time
 */
export type ClockVerdict =
  | { readonly verdict: 'right' | 'unclear' | 'unknown' }
  | { readonly verdict: 'ours' | 'ours-likely'; readonly offsetMs: number; readonly uncertaintyMs: number }
  | { readonly verdict: 'theirs'; readonly hosts: readonly HostOffset[] };

/** Tells our wrong clock from a wrong one of theirs. An offset counts as far as it is certain. */
export function judgeClock(options: {
  readonly hosts: readonly HostOffset[];
  readonly toleranceMs: number;
}): ClockVerdict {
  const { hosts, toleranceMs } = options;
  const off = hosts.filter((host) => Math.abs(host.offsetMs) - host.uncertaintyMs > toleranceMs);
  const [first] = off;
  if (first === undefined) return { verdict: hosts.length === 0 ? 'unknown' : 'right' };
  if (off.length < hosts.length) return { verdict: 'theirs', hosts: off };
  const { offsetMs, uncertaintyMs } = off.reduce((best, host) =>
    host.uncertaintyMs < best.uncertaintyMs ? host : best,
  );
  if (off.length === 1) return { verdict: 'ours-likely', offsetMs, uncertaintyMs };
  // Servers of different houses agree only where they are right.
  const agree = off.every(
    (host) => Math.abs(host.offsetMs - offsetMs) <= host.uncertaintyMs + uncertaintyMs + toleranceMs / 2,
  );
  return agree ? { verdict: 'ours', offsetMs, uncertaintyMs } : { verdict: 'unclear' };
}
