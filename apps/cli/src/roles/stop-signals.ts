/** Another signal sooner than this is the same Ctrl-C, passed on by a program between the terminal and us (npm, pnpm). */
const SAME_WITHIN_MS = 500;

export interface StopSignals {
  /** Aborted by the first signal. */
  readonly asked: AbortSignal;
  /** Aborted by the second: at once. */
  readonly forced: AbortSignal;
  close(): void;
}

/**
 * Turns SIGINT, SIGTERM, SIGHUP (the terminal is gone) and the end of a script that started us (its channel closes) into "stop"
 * and "stop at once".
 */
export function listenForStop(
  options: { readonly now?: () => number; readonly source?: NodeJS.EventEmitter } = {},
): StopSignals {
  const { now = () => performance.now(), source = process } = options;
  const asked = new AbortController();
  const forced = new AbortController();
  let askedAt = 0;
  const onSignal = (): void => {
    if (!asked.signal.aborted) {
      askedAt = now();
      asked.abort();
    } else if (now() - askedAt >= SAME_WITHIN_MS) {
      forced.abort();
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const;
  for (const signal of signals) source.on(signal, onSignal);
  return {
    asked: asked.signal,
    forced: forced.signal,
    close() {
      for (const signal of signals) source.off(signal, onSignal);
    },
  };
}
