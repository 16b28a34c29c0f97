import type { JobHandler } from '../deps.js';
import { runTraining } from '../training/run-training.js';

/** Has a model trained at a provider (`POST /v1/fine_tuning/jobs`). */
export const training: JobHandler<'training'> = runTraining;
