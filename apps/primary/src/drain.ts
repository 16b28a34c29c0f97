import type { Logger } from '@moltbot/observability';

export interface DrainOptions {
  readonly logger: Logger;
  readonly graceMs: () => number;
  /** Requests that are being answered. */
  readonly inFlight: () => number;
  /** Refuses new requests. */
  readonly refuse: () => void;
  /** Ends the answers that the grace was too short for, and says so to their callers. */
  readonly interrupt: () => void;
  /** Closes everything; runs once, after the last answer or the grace. */
  readonly close: () => Promise<void>;
}

/** Everything closed within this, or the process ends regardless. */
const CLOSE_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 25;
/** For interrupted answers to say so. */
const LAST_WORDS_MS = 1_000;
/** Whether another process of ours started this one and listens to it. */
const WAS_CONNECTED = process.connected;

/**
 * Ends the process on SIGTERM, SIGINT or SIGHUP, or when the command that started it is gone: refuses new requests, lets running
 * answers end within the grace, closes, exits 0. A second signal exits at once.
 */
export function drainOnSignal(options: DrainOptions): void {
  const { logger } = options;
  let draining = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (draining) process.exit(signal === 'SIGINT' ? 130 : 143);
    begin(signal);
  };
  const onDisconnect = (): void => {
    if (!draining) begin('disconnect');
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // The terminal is gone: an end like another.
  process.on('SIGHUP', onSignal);
  process.on('disconnect', onDisconnect);
  // It went while we were starting.
  if (WAS_CONNECTED && !process.connected) onDisconnect();

  function begin(cause: string): void {
    draining = true;
    void drain(cause);
  }

  /** Waits until nothing is being answered, at most this long. */
  async function emptied(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (options.inFlight() > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  async function drain(cause: string): Promise<void> {
    logger.info('draining', { cause, inFlight: options.inFlight() });
    options.refuse();
    await emptied(options.graceMs());
    const cutOff = options.inFlight();
    if (cutOff > 0) {
      logger.warn('answers cut off by the end of the grace', { count: cutOff });
      options.interrupt();
      await emptied(LAST_WORDS_MS);
    }
    setTimeout(() => process.exit(1), CLOSE_WITHIN_MS).unref();
    try {
      await options.close();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    }
  }
}
