import { jobArtifactPrefix } from '@moltbot/contracts';
import type { ObjectStore } from '@moltbot/storage';
import type { JobDeps } from './deps.js';

const MAX_BYTES = 1_073_741_824;

/** Keeps files of jobs in the object store, which is opened for the first of them. */
export function createArtifactKeeper(objects: () => Promise<ObjectStore>): JobDeps['keepArtifact'] {
  return async (jobId, { name, contentType, body, maxBytes = MAX_BYTES }, signal) => {
    const store = await objects();
    await store.put({ key: jobArtifactPrefix(jobId) + name, body, contentType, maxBytes, signal });
  };
}
