import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type DrillMessage, type DrillOrder, withoutSecrets } from './drill-process/drill-messages.js';
import type { DrillReport } from './report.js';
import type { RunDrillOptions } from './run-drill.js';

export interface RunDrillApartOptions
  extends Pick<RunDrillOptions, 'settings' | 'credentials' | 'chain' | 'form' | 'maxWaitMs' | 'parallel'> {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: { readonly done: number; readonly of: number }) => void) | undefined;
}

/** The same from `src` and from `dist`. */
const PROGRAM = fileURLToPath(new URL('../dist/drill-process/main.js', import.meta.url));

/**
 * A drill in a process of its own, with low priority and without the environment of this one.
 * @throws MoltbotError `model_not_found`, `internal_error`; the signal's reason
 */
export async function runDrillApart(options: RunDrillApartOptions): Promise<DrillReport> {
  const { signal, onProgress, settings, credentials, chain, form, maxWaitMs, parallel } = options;
  signal.throwIfAborted();
  const order: DrillOrder = {
    settings: withoutSecrets(settings, settingsSchema.parse({})),
    credentials,
    chain,
    form,
    maxWaitMs,
    parallel,
  };
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'], env: {}, windowsHide: true });
  const end = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  try {
    const closed = once(child, 'close');
    closed.catch(() => undefined);
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(order));
    let last: DrillMessage | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      last = JSON.parse(line) as DrillMessage;
      if (last.type === 'progress') onProgress?.(last);
    }
    await closed;
    signal.throwIfAborted();
    if (last?.type === 'report') return last.report;
    if (last?.type === 'error') throw new MoltbotError(last.code, last.message);
    throw new MoltbotError('internal_error', 'The process of the drill ended without a report');
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
