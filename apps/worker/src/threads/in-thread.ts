import type { JobPayload, JobResult, ThreadJobName } from '@moltbot/contracts';
import type { JobContext, JobDeps, JobHandler } from '../deps.js';
import type { ThreadCall } from './thread-pool.js';

/** A handler that does its job in a thread: the process goes on with others, and can end it at any moment. */
export function inThread<N extends ThreadJobName>(name: N): JobHandler<N> {
  return async (payload, deps, context) => runInThread({ name, payload, deps, context });
}

/** The same for a handler that prepares something for the thread, and answers what it asks. */
export async function runInThread<N extends ThreadJobName>(
  options: {
    readonly name: N;
    readonly payload: JobPayload<N>;
    readonly deps: Pick<JobDeps, 'threads' | 'keepArtifact'>;
    readonly context: JobContext;
  } & Pick<ThreadCall, 'onAsk' | 'heap'>,
): Promise<JobResult<N>> {
  const { name, payload, deps, context, onAsk, heap } = options;
  const { threads, keepArtifact } = deps;
  const { jobId, signal, logger, progress } = context;
  const result = await threads.run({
    name,
    payload,
    signal,
    onProgress: (value) => void progress(value),
    onLog: ({ level, message, fields }) => {
      logger[level](message, { ...fields });
    },
    onArtifact: async ({ name: file, contentType, bytes }) =>
      keepArtifact(jobId, { name: file, contentType, body: once(bytes) }, signal),
    ...(onAsk === undefined ? {} : { onAsk }),
    ...(heap === undefined ? {} : { heap }),
  });
  // The runner compares it with the job's row.
  return result as JobResult<N>;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
