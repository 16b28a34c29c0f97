import { setTimeout as delay } from 'node:timers/promises';

export type Restarted =
  | { readonly outcome: 'ready' }
  /** The new one failed; the former one is in use again, with the data of before. */
  | { readonly outcome: 'rolled-back'; readonly why: string; readonly readyAgain: boolean };

export interface RestartOptions {
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** The data as it is while nothing runs; both of its functions are called while nothing runs, or it is ready. */
  readonly keepData: () => Promise<
    { readonly restore: () => Promise<void>; readonly drop: () => Promise<void> } | undefined
  >;
  /** The version that answers as ready, if one does. */
  readonly askVersion: () => Promise<string | undefined>;
  readonly use: (version: string) => void;
  readonly version: string;
  readonly previous: string;
  readonly withinMs: number;
  readonly askEveryMs?: number;
}

/** Restarts the service on the new version and waits until that is ready; else has the former one run again. */
export async function restartOrRollBack(options: RestartOptions): Promise<Restarted> {
  const { version, previous, use, stop } = options;
  let kept: Awaited<ReturnType<RestartOptions['keepData']>>;
  const why = await whyNot(async () => {
    await stop();
    kept = await options.keepData();
    return startAndWait(options, version);
  });
  if (why === undefined) {
    await kept?.drop();
    return { outcome: 'ready' };
  }
  const whyNotAgain = await whyNot(async () => {
    use(previous);
    await stop();
    await kept?.restore();
    return startAndWait(options, previous);
  });
  return { outcome: 'rolled-back', why, readyAgain: whyNotAgain === undefined };
}

async function whyNot(work: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @returns why it is not ready */
async function startAndWait(options: RestartOptions, version: string): Promise<string | undefined> {
  const { start, askVersion, withinMs, askEveryMs = 200 } = options;
  await start();
  const until = performance.now() + withinMs;
  let answers: string | undefined;
  do {
    answers = await askVersion();
    if (answers === version) return undefined;
    await delay(askEveryMs);
  } while (performance.now() < until);
  const seen = answers === undefined ? 'nothing answers' : `version ${answers} answers`;
  return `version ${version} was not ready within ${withinMs / 1_000} s: ${seen}`;
}
