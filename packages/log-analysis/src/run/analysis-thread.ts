import { parentPort, workerData } from 'node:worker_threads';
import { LogInputError } from '../log-input-error.js';
import { type LogAnalysisTask, runLogAnalysis } from './run-log-analysis.js';
import type { ThreadMessage } from './run-in-thread.js';

/** The thread's side of `runLogAnalysisInThread`. */
const stopping = new AbortController();
const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread only.');
port.on('message', () => stopping.abort());

const tell = (message: ThreadMessage): void => port.postMessage(message);
try {
  const report = await runLogAnalysis({
    task: workerData as LogAnalysisTask,
    now: Date.now,
    signal: stopping.signal,
    onProgress: (progress) => tell({ type: 'progress', progress }),
  });
  tell({ type: 'report', report });
} catch (error) {
  if (error instanceof LogInputError) tell({ type: 'input-error', code: error.code, detail: error.detail });
  else tell({ type: 'error', message: error instanceof Error ? error.message : String(error) });
}
port.close();
