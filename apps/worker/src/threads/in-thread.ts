import type { JobResult, ThreadJobName } from '@moltbot/contracts';
import type { JobHandler } from '../deps.js';

/** A handler that does its job in a thread: the process goes on with others, and can end it at any moment. */
export function inThread<N extends ThreadJobName>(name: N): JobHandler<N> {
  return async (payload, { threads, keepArtifact }, { jobId, signal, logger, progress }) => {
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
    });
    // The runner compares it with the job's row.
    return result as JobResult<N>;
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
