/** Time as the vault sees it; passed in, so that tests own it. */
export interface Clock {
  /** Unix ms: what machines compare; may jump. */
  now(): number;
  /** Ms from any start: only grows, but may stand still while the machine sleeps. */
  monotonic(): number;
  /** Calls once. @returns cancel */
  after(ms: number, callback: () => void): () => void;
  /** The same, but keeps no process alive. */
  idle(ms: number, callback: () => void): () => void;
}

/** setTimeout counts in 32 bits. */
const LONGEST_TIMER_MS = 2_147_483_647;

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = start(ms, callback);
    return () => clearTimeout(timer);
  },
  idle(ms, callback) {
    const timer = start(ms, callback).unref();
    return () => clearTimeout(timer);
  },
};

function start(ms: number, callback: () => void): NodeJS.Timeout {
  return setTimeout(callback, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
