import { Worker } from 'node:worker_threads';
import { LogInputError, type LogInputErrorCode } from '../log-input-error.js';
import type { LogReport } from '../report/report.js';
import type { LogAnalysisProgress, LogAnalysisTask } from './run-log-analysis.js';

/** What the thread says. */
export type ThreadMessage =
  | { readonly type: 'progress'; readonly progress: LogAnalysisProgress }
  | { readonly type: 'report'; readonly report: LogReport }
  | { readonly type: 'input-error'; readonly code: LogInputErrorCode; readonly detail: string }
  | { readonly type: 'error'; readonly message: string };

/** The heap collects early instead of growing: without it garbage, not data, would take several hundred MB. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 120, maxYoungGenerationSizeMb: 16 };

/**
 * `runLogAnalysis` in a thread of its own with a small heap: at most 256 MB for the process whatever the size of the logs, and
 * nothing else of the process waits. `signal` stops it early; what was found so far is the report.
 */
export async function runLogAnalysisInThread(options: {
  readonly task: LogAnalysisTask;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LogAnalysisProgress) => void;
}): Promise<LogReport> {
  const { task, signal, onProgress } = options;
  const worker = new Worker(new URL('./analysis-thread.js', import.meta.url), {
    workerData: task,
    resourceLimits: HEAP_LIMITS,
  });
  const stop = (): void => worker.postMessage('stop', []);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    return await new Promise<LogReport>((resolve, reject) => {
      worker.on('message', (message: ThreadMessage) => {
        if (message.type === 'progress') onProgress?.(message.progress);
        else if (message.type === 'report') resolve(message.report);
        else if (message.type === 'input-error') reject(new LogInputError(message.code, message.detail));
        else reject(new Error(message.message));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the analysis thread ended (${code})`)));
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
