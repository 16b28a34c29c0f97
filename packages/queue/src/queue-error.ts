import { isNativeError } from 'node:util/types';
import { MoltbotError } from '@moltbot/contracts';

/** Any error of the queue's server as `queue_unavailable`; ours as they are. The server's own words stay in `cause`. */
export function queueErrorFrom(error: unknown): MoltbotError {
  if (error instanceof MoltbotError) return error;
  return new MoltbotError('queue_unavailable', undefined, { cause: error });
}

/** @throws MoltbotError `queue_unavailable` where `work` takes longer or fails; what it does later is ignored */
export async function withinTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new MoltbotError('queue_unavailable', `The job queue did not answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw queueErrorFrom(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when `work` has ended in whatever way, or after `ms`. @returns whether it ended */
export async function settledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, ms);
  });
  try {
    const ended = work.then(
      () => true,
      () => true,
    );
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function toError(value: unknown): Error {
  return isNativeError(value) ? value : new Error(String(value));
}

/** Passes on each message at most once per `everyMs`: a server that is gone is reported by every retry. */
export function errorGate(
  report: (error: Error) => void,
  { everyMs, now }: { readonly everyMs: number; readonly now: () => number },
): (error: unknown) => void {
  const last = new Map<string, number>();
  return (value) => {
    const error = toError(value);
    const at = now();
    const before = last.get(error.message);
    if (before !== undefined && at - before < everyMs) return;
    if (last.size >= 100) last.clear();
    last.set(error.message, at);
    report(error);
  };
}
