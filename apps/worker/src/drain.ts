import type { Logger } from '@moltbot/observability';

export interface DrainOptions {
  readonly logger: Logger;
  readonly graceMs: () => number;
  /** Jobs that are being done. */
  readonly active: () => number;
  /** Takes no more jobs; ends when running ones have ended or were handed back. */
  readonly drain: (graceMs: number) => Promise<void>;
  /** Closes everything; runs once. */
  readonly close: () => Promise<void>;
}

/** After the grace: for handing back, closing connections and stopping the database. */
const CLOSE_WITHIN_MS = 15_000;

/**
 * Ends the process on SIGTERM, SIGINT or SIGHUP, or when the command that started it is gone: drains within the grace, closes,
 * exits 0. A second signal exits at once. `cancel` takes the listeners away.
 */
export function drainOnSignal(options: DrainOptions): { cancel(): void } {
  const { logger } = options;
  let draining = false;

  const onSignal = (signal: NodeJS.Signals): void => {
    if (draining) process.exit(signal === 'SIGINT' ? 130 : 143);
    begin(signal);
  };
  const onDisconnect = (): void => {
    if (!draining) begin('disconnect');
  };

  function begin(cause: string): void {
    draining = true;
    void end(cause);
  }

  async function end(cause: string): Promise<void> {
    const graceMs = options.graceMs();
    setTimeout(() => process.exit(1), graceMs + CLOSE_WITHIN_MS).unref();
    logger.info('draining', { cause, activeJobs: options.active(), graceMs });
    try {
      await options.drain(graceMs);
      logger.info('drained');
      await options.close();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    }
  }

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // The terminal is gone: an end like another.
  process.on('SIGHUP', onSignal);
  process.on('disconnect', onDisconnect);
  // Whoever started us may be gone before we listen: the event does not come again.
  if (process.send !== undefined && !process.connected) onDisconnect();
  return {
    cancel: () => {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
      process.off('SIGHUP', onSignal);
      process.off('disconnect', onDisconnect);
    },
  };
}
