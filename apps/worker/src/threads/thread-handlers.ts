import type { JobPayload, JobResult, ThreadJobName } from '@moltbot/contracts';
import { logAnalysis } from './log-analysis.js';
import { probe } from './probe.js';

/** What a job in a thread may use: nothing of the process but this. It is ended from outside, at any time. */
export interface ThreadContext {
  readonly progress: (value: object) => void;
  readonly log: (level: 'debug' | 'info' | 'warn', message: string, fields?: object) => void;
  /** Keeps a file with the job; resolves when it is stored. */
  readonly artifact: (file: {
    readonly name: string;
    readonly contentType: string;
    readonly bytes: Uint8Array;
  }) => Promise<void>;
  /** Asks the job's handler in the process, which has what a thread has not. @throws MoltbotError what the handler threw */
  readonly ask: (question: string, argument?: unknown) => Promise<unknown>;
}

export type ThreadHandler<N extends ThreadJobName> = (
  payload: JobPayload<N>,
  context: ThreadContext,
) => Promise<JobResult<N>>;

/** Every job of `contracts/jobs` that is isolated: one without a handler does not compile. */
export const threadHandlers: { readonly [N in ThreadJobName]: ThreadHandler<N> } = {
  'log-analysis': logAnalysis,
  probe,
};
