import { setTimeout as delay } from 'node:timers/promises';

export type Restarted =
  | { readonly outcome: 'ready' }
  /** The new one failed; the former one is in use again. */
  | { readonly outcome: 'rolled-back'; readonly why: string; readonly readyAgain: boolean };

export interface RestartOptions {
  readonly restart: () => Promise<void>;
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
  const { version, previous, use } = options;
  const why = await restartAndWait(options, version);
  if (why === undefined) return { outcome: 'ready' };
  use(previous);
  return { outcome: 'rolled-back', why, readyAgain: (await restartAndWait(options, previous)) === undefined };
}

/** @returns why it is not ready */
async function restartAndWait(options: RestartOptions, version: string): Promise<string | undefined> {
  const { restart, askVersion, withinMs, askEveryMs = 200 } = options;
  try {
    await restart();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
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
