import { runBatch } from '../batch/run-batch.js';
import type { JobHandler } from '../deps.js';

/** Answers the requests of a file (`POST /v1/batches`). */
export const batch: JobHandler<'batch'> = runBatch;
