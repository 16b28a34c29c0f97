import type { JobHandlers } from '../deps.js';
import { inThread } from '../threads/in-thread.js';
import { batch } from './batch.js';
import { batchSweep } from './batch-sweep.js';
import { drill } from './drill.js';
import { logAnalysis } from './log-analysis.js';
import { promptWarmup } from './prompt-warmup.js';
import { retention } from './retention.js';
import { training } from './training.js';
import { trainingSweep } from './training-sweep.js';
import { usageRollup } from './usage-rollup.js';
import { warmup } from './warmup.js';

/** Every job of `contracts/jobs` and who does it: one without a handler does not compile. */
export const handlers: JobHandlers = {
  warmup,
  probe: inThread('probe'),
  'log-analysis': logAnalysis,
  batch,
  'prompt-warmup': promptWarmup,
  'batch-sweep': batchSweep,
  training,
  'training-sweep': trainingSweep,
  'usage-rollup': usageRollup,
  drill,
  retention,
};
