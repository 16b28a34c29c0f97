// A worker as the product builds it, but for its handler: that leaves one file per job, and a line per run.
import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@moltbot/observability';
import { openQueues } from '@moltbot/queue';
import { createRunner } from '../dist/runner.js';

const { connection, namespace, folder } = JSON.parse(process.argv[2]);
const queues = openQueues({ ...('url' in connection ? connection : { connection }), namespace, onError: () => {} });
const logger = createLogger({ role: 'worker', level: 'error' });
const runner = createRunner({
  deps: {},
  logger,
  randomBytes,
  handlers: {
    warmup: async (_payload, _deps, { jobId }) => {
      await delay(4);
      try {
        writeFileSync(join(folder, 'effects', jobId), '', { flag: 'wx' });
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      appendFileSync(join(folder, 'runs'), `${jobId}\n`);
      return { models: [] };
    },
  },
});
await queues.createWorker(runner, { concurrency: 8, takeoverAfterMs: 1_000 });
process.send('ready');
process.on('disconnect', () => process.exit(0));
