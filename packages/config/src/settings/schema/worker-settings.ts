import { isAbsolute } from 'node:path';
import { jobQueues } from '@moltbot/contracts';
import { z } from 'zod';
import { cronPattern } from '../cron-pattern.js';
import { byteSize, duration, port } from '../setting-values.js';

export const workerSettings = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(1_000)
      .default(4)
      .describe('Jobs of each queue at the same time, where `worker.queues` does not say otherwise.'),
    queues: z
      .record(
        z.string().refine((name) => jobQueues().includes(name), 'expected the name of a queue of docs/jobs.md'),
        z.strictObject({ concurrency: z.int().min(1).max(1_000).describe('Jobs of this queue at the same time.') }),
      )
      .default({})
      .describe('What differs for a queue.'),
    threads: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Threads for jobs that use the CPU: as many of them run at the same time.'),
    thread_memory: byteSize('512mb', { min: 16 * 1_048_576 }).describe(
      'Memory of a job in a thread; one that needs more fails alone.',
    ),
    metrics_port: port(9091).describe('`/metrics`, `/health` and `/ready` of the worker.'),
    drain_grace: duration('25s').describe('How long running jobs may take after SIGTERM.'),
    takeover_after: duration('15s', { min: 1_000, max: 600_000 }).describe(
      'A job whose worker has not been heard of for this long is given to another.',
    ),
    batch: z
      .strictObject({
        concurrency: z
          .int()
          .min(1)
          .max(1_000)
          .default(8)
          .describe('Requests of batches at the same time, all batches of a worker together.'),
        max_requests: z.int().min(1).max(1_000_000).default(50_000).describe('Requests of one batch.'),
        retention: duration('30d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
          'How long batches are shown after their end.',
        ),
      })
      .prefault({})
      .describe('Batches of requests (`/v1/batches`).'),
    training: z
      .strictObject({
        poll_interval: duration('30s', { min: 100, max: 3_600_000 }).describe(
          'How often a provider is asked how a fine-tuning job stands.',
        ),
        give_up_after: duration('24h', { min: 1_000, max: 30 * 86_400_000 }).describe(
          'A fine-tuning job fails when the provider could not be asked for so long.',
        ),
      })
      .prefault({})
      .describe('Fine-tuning jobs (`/v1/fine_tuning/jobs`).'),
  })
  .prefault({})
  .describe('The process for jobs.');

export const warmupSettings = z
  .strictObject({
    prompts: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'expected lower-case letters, digits, - and _; at most 64'),
        z.strictObject({
          file: z
            .string()
            .min(1)
            .max(4_096)
            .describe(
              'A text (a system prompt), or a request in JSON (`.json`) whose beginning callers share: tools, system prompt, first messages. From the home folder where it is relative.',
            ),
          dialect: z
            .enum(['openai-chat', 'anthropic-messages'])
            .default('openai-chat')
            .describe('What a request in JSON is written in: what its callers use.'),
          models: z
            .array(z.string().min(1).max(321))
            .min(1)
            .max(32)
            .optional()
            .describe('Chains or models whose cache is filled; by default the default chain.'),
        }),
      )
      .refine((prompts) => Object.keys(prompts).length <= 32, 'expected at most 32 prompts')
      .default({})
      .describe('Long beginnings that many requests share: a warm-up puts them into the providers’ prompt caches.'),
    keep_prompts: z
      .boolean()
      .default(false)
      .describe(
        'Ask again every four minutes, before the providers forget (mostly after five). Each time costs cached input and a few tokens.',
      ),
  })
  .prefault({})
  .describe('What a warm-up does besides loading models.');

export const drillSettings = z
  .strictObject({
    schedule: cronPattern
      .optional()
      .describe(
        'When the worker breaks every chain on purpose (`moltbot drill`), as cron in UTC; never where not set.',
      ),
    form: z.enum(['full', 'quick']).default('full').describe('What of the drill the worker does.'),
    max_wait: duration('10m', { min: 100 }).describe('A drill fails where a user would wait longer for an answer.'),
  })
  .prefault({})
  .describe('Drills that the worker does by itself.');

export const logAnalysisSettings = z
  .strictObject({
    folders: z
      .array(
        z
          .string()
          .max(4_096)
          .refine((folder) => isAbsolute(folder), 'expected the absolute path of a folder'),
      )
      .max(64)
      .default([])
      .describe(
        'Folders of this machine whose files administrators may have analysed as a job; links that lead out of them are refused.',
      ),
    max_size: byteSize('8gb', { max: 1_099_511_627_776 }).describe('Largest input of a job, as it is stored.'),
    max_unpacked_size: byteSize('64gb', { max: 1_099_511_627_776 }).describe('Largest input of a job, unpacked.'),
  })
  .prefault({})
  .describe('Log analysis as a job.');
