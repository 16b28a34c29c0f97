import { MoltbotError } from '@moltbot/contracts';

export interface TimeLimitOptions {
  readonly limitMs: number;
  /** What broke, in words for an operator. */
  readonly toError: (error: unknown) => MoltbotError;
  /** Work that was given up and still runs; more is refused at once, so that a store that hangs takes no more threads. */
  readonly maxAbandoned?: number;
}

/** Runs work on a store for a limited time. */
export interface TimeLimit {
  /** @throws MoltbotError `token_store_unavailable`; work that took too long may still do what it was to do */
  run<Value>(work: () => Promise<Value>): Promise<Value>;
}

/** Refuses while as much abandoned work as allowed still hangs; goes on by itself when it has ended. */
export function createTimeLimit(options: TimeLimitOptions): TimeLimit {
  const { limitMs, toError, maxAbandoned = 2 } = options;
  let abandoned = 0;

  async function run<Value>(work: () => Promise<Value>): Promise<Value> {
    if (abandoned >= maxAbandoned) throw tooLong(limitMs);
    let ended = false;
    let late = false;
    const running = work().finally(() => {
      ended = true;
      if (late) abandoned -= 1;
    });
    let stop = () => {};
    const limit = new Promise<never>((_resolve, reject) => {
      stop = afterTime(limitMs, () => {
        if (ended) return;
        late = true;
        abandoned += 1;
        reject(tooLong(limitMs));
      });
    });
    try {
      return await Promise.race([running, limit]);
    } catch (error) {
      throw error instanceof MoltbotError || error instanceof RangeError ? error : toError(error);
    } finally {
      stop();
    }
  }

  return { run };
}

/** A process that was busy for longer than the limit finds the timer before the answer that lies ready: it looks once more. */
function afterTime(ms: number, action: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(() => {
      immediate = setImmediate(action);
    });
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

function tooLong(limitMs: number): MoltbotError {
  return new MoltbotError(
    'token_store_unavailable',
    `The store of the providers’ tokens did not answer within ${limitMs} ms.`,
  );
}
