/** Lets so many at a time do something; the others wait in the order they came. */
export interface Slots {
  /** @returns gives the slot back, once. @throws the signal's reason */
  acquire(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(limit: () => number): Slots {
  let taken = 0;
  const waiting = new Set<() => void>();

  function release(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      taken -= 1;
      wake();
    };
  }

  function wake(): void {
    for (const begin of waiting) {
      if (taken >= limit()) return;
      waiting.delete(begin);
      taken += 1;
      begin();
    }
  }

  return {
    async acquire(signal) {
      signal.throwIfAborted();
      if (taken < limit()) {
        taken += 1;
        return release();
      }
      const turn = Promise.withResolvers<void>();
      const begin = (): void => {
        turn.resolve();
      };
      const onAbort = (): void => {
        // One that has just got its turn keeps it, and gives it back itself.
        if (waiting.delete(begin)) turn.reject(signal.reason as Error);
      };
      waiting.add(begin);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await turn.promise;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
      return release();
    },
  };
}
