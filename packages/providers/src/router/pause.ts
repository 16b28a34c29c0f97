/** Waits; ends at once, without an error, where the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

export const TIMED_OUT = Symbol('timed out');

/** A promise's value, or `TIMED_OUT` where it takes longer than `ms` or the signal fires; what comes later is dropped. */
export async function within<Value>(
  promise: Promise<Value>,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<Value | typeof TIMED_OUT> {
  if (signal.aborted || ms <= 0) {
    promise.catch(() => undefined);
    return TIMED_OUT;
  }
  return await new Promise<Value | typeof TIMED_OUT>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    };
    const giveUp = (): void => {
      settle();
      resolve(TIMED_OUT);
    };
    const timer = setTimeout(giveUp, ms);
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
