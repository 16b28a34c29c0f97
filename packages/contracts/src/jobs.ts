import { z } from 'zod';
import { logAnalysisPayload, logAnalysisResult } from './log-analysis-job.js';

/** A job's contract: its queue, its shapes, who may ask for it, and how it is tried, timed and kept. */
export interface JobContract<Payload extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> {
  /** One line for people. */
  readonly title: string;
  /** `worker.queues.NAME.concurrency` is set by this name. */
  readonly queue: string;
  readonly payload: Payload;
  readonly result: Result;
  /** Whether callers may ask for it; the others are begun by MoltBot itself. */
  readonly submittable: boolean;
  /** What a caller needs to ask for it. */
  readonly scope: 'jobs' | 'admin';
  /** 0 goes first, then 1, 2, … up to 1,000. Within a priority first come, first served. */
  readonly priority: number;
  readonly attempts: number;
  /** First wait in ms, doubled with each attempt; each wait is random between `1 - jitter` and 1 times that. */
  readonly backoff: { readonly firstMs: number; readonly jitter: number };
  readonly timeoutMs: number;
  /** How many ended jobs are kept, and for how long; `failed` also holds the dead and the cancelled. */
  readonly retention: { readonly completed: JobRetention; readonly failed: JobRetention };
  /** `thread`: it uses the CPU, and is done in a thread of its own so that nothing else waits. */
  readonly isolated?: 'thread';
  /** Begun by itself: a cron pattern (UTC; seconds may lead) or every so many ms. Its payload is the default one. */
  readonly schedule?: { readonly cron: string } | { readonly everyMs: number };
}

export interface JobRetention {
  readonly count: number;
  readonly ageMs: number;
}

const DAY_MS = 86_400_000;
const RETENTION = {
  completed: { count: 1_000, ageMs: 7 * DAY_MS },
  failed: { count: 5_000, ageMs: 30 * DAY_MS },
} as const;

/** Those that begin by themselves again and again. */
const SCHEDULED_RETENTION = {
  completed: { count: 100, ageMs: 7 * DAY_MS },
  failed: { count: 100, ageMs: 30 * DAY_MS },
} as const;

/** What came of asking a model for the beginning that many requests share; tokens as the provider counts them. */
const promptWarmth = z.object({
  prompt: z.string(),
  model: z.string(),
  state: z.enum(['warm', 'failed']),
  durationMs: z.number(),
  inputTokens: z.number().optional(),
  /** Of them read from the cache: it was warm already. */
  cachedTokens: z.number().optional(),
  /** Of them written to the cache, where the provider says so. */
  writtenTokens: z.number().optional(),
  error: z.string().optional(),
});

/** Every job there is: a name without a row can't be enqueued, a row without a handler doesn't compile. */
export const JOBS = {
  warmup: {
    title: 'Loads models ahead of the first request',
    queue: 'default',
    payload: z.strictObject({
      /** Chains or `provider:model` names; empty: the default chain. */
      models: z.array(z.string().min(1).max(321)).max(64).default([]),
    }),
    result: z.object({
      /** Shared beginnings (`warmup.prompts`) of the models that were asked for; none where a key asked. */
      prompts: z.array(promptWarmth).default([]),
      models: z.array(
        z.object({
          model: z.string(),
          state: z.enum(['warm', 'failed']),
          durationMs: z.number(),
          error: z.string().optional(),
        }),
      ),
    }),
    submittable: true,
    scope: 'jobs',
    priority: 0,
    attempts: 3,
    backoff: { firstMs: 1_000, jitter: 0.5 },
    timeoutMs: 600_000,
    retention: RETENTION,
  },
  probe: {
    title: 'Shows that jobs run: takes some steps in a thread, reports each, and leaves a small file',
    queue: 'compute',
    payload: z.strictObject({
      steps: z.int().min(1).max(1_000).default(1),
      /** Waits so long in each step. */
      wait_ms: z.int().min(0).max(60_000).default(0),
      /** Keeps the CPU busy for so long in each step. */
      busy_ms: z.int().min(0).max(60_000).default(0),
    }),
    result: z.object({ steps: z.number(), durationMs: z.number() }),
    submittable: true,
    scope: 'jobs',
    priority: 1,
    attempts: 3,
    backoff: { firstMs: 1_000, jitter: 0.5 },
    timeoutMs: 600_000,
    retention: RETENTION,
    isolated: 'thread',
  },
  'log-analysis': {
    title: 'Says what is in log files: templates, errors, latencies, spikes, what is new (docs/log-analysis.md)',
    queue: 'compute',
    payload: logAnalysisPayload,
    result: logAnalysisResult,
    submittable: true,
    scope: 'jobs',
    priority: 1,
    attempts: 3,
    backoff: { firstMs: 2_000, jitter: 0.5 },
    timeoutMs: 7_200_000,
    retention: RETENTION,
    isolated: 'thread',
  },
  batch: {
    title: 'Answers the requests of a file through the chains, into an output and an error file (`POST /v1/batches`)',
    queue: 'batches',
    payload: z.strictObject({ batch_id: z.string().min(1).max(64) }),
    result: z.object({ status: z.string(), total: z.number(), completed: z.number(), failed: z.number() }),
    submittable: false,
    scope: 'admin',
    priority: 0,
    attempts: 20,
    backoff: { firstMs: 2_000, jitter: 0.5 },
    // Longer than the longest completion window.
    timeoutMs: 8 * DAY_MS,
    retention: RETENTION,
  },
  'prompt-warmup': {
    title: 'Keeps shared beginnings of requests in the providers’ prompt caches (`warmup.keep_prompts`)',
    queue: 'default',
    payload: z.strictObject({}),
    result: z.object({ prompts: z.array(promptWarmth) }),
    submittable: true,
    scope: 'admin',
    priority: 1,
    // The next one of the schedule is the next attempt.
    attempts: 1,
    backoff: { firstMs: 1_000, jitter: 0.5 },
    timeoutMs: 230_000,
    retention: SCHEDULED_RETENTION,
    schedule: { cron: '*/4 * * * *' },
  },
  'batch-sweep': {
    title: 'Begins batches again that nobody works on',
    queue: 'default',
    payload: z.strictObject({}),
    result: z.object({ begun: z.number() }),
    submittable: false,
    scope: 'admin',
    priority: 0,
    attempts: 1,
    backoff: { firstMs: 1_000, jitter: 0.5 },
    timeoutMs: 60_000,
    retention: SCHEDULED_RETENTION,
    schedule: { cron: '*/5 * * * *' },
  },
  training: {
    title: 'Has a model trained at a provider, and registers what came of it (`POST /v1/fine_tuning/jobs`)',
    queue: 'default',
    payload: z.strictObject({ fine_tuning_job: z.string().min(1).max(64) }),
    result: z.object({
      fine_tuning_job: z.string(),
      status: z.string(),
      /** `provider:model` */
      model: z.string().nullable(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
    submittable: true,
    scope: 'jobs',
    priority: 1,
    attempts: 20,
    backoff: { firstMs: 2_000, jitter: 0.5 },
    // Of one turn, the upload with it; between two turns the job is put off.
    timeoutMs: 7_200_000,
    retention: RETENTION,
  },
  'training-sweep': {
    title: 'Goes on with fine-tuning jobs that nobody works on',
    queue: 'default',
    payload: z.strictObject({}),
    result: z.object({ begun: z.number() }),
    submittable: false,
    scope: 'admin',
    priority: 0,
    attempts: 1,
    backoff: { firstMs: 1_000, jitter: 0.5 },
    timeoutMs: 60_000,
    retention: SCHEDULED_RETENTION,
    schedule: { cron: '*/5 * * * *' },
  },
  'usage-rollup': {
    title: 'Sums up the ledger by hour and by day',
    queue: 'default',
    payload: z.strictObject({
      /** Sums up from then on; else the last two days, as far as they are in the ledger. */
      from: z.iso.datetime({ offset: true }).optional(),
    }),
    result: z.object({ hours: z.number(), days: z.number(), sums: z.number() }),
    submittable: true,
    scope: 'admin',
    priority: 2,
    attempts: 3,
    backoff: { firstMs: 5_000, jitter: 0.5 },
    timeoutMs: 1_800_000,
    retention: SCHEDULED_RETENTION,
    schedule: { cron: '7 * * * *' },
  },
  drill: {
    title: 'Breaks the chains on purpose and says what users would see (docs/drill.md)',
    queue: 'default',
    payload: z.strictObject({
      /** `default` or a name under `models.chains`; all of them where none is named. */
      chain: z.string().min(1).max(64).optional(),
      /** Where none is named: `drill.form`. */
      form: z.enum(['full', 'quick']).optional(),
    }),
    result: z.object({
      verdict: z.enum(['passed', 'failed']),
      chains: z.array(
        z.object({
          chain: z.string(),
          verdict: z.enum(['passed', 'failed']),
          form: z.enum(['full', 'quick']),
          runs: z.number(),
          asPromised: z.number(),
          answered: z.number(),
          told: z.number(),
          lost: z.number(),
          nobodyLeft: z.number(),
          durationMs: z.number(),
          findings: z.array(z.object({ severity: z.string(), code: z.string(), about: z.array(z.string()) })),
        }),
      ),
    }),
    submittable: true,
    scope: 'admin',
    priority: 3,
    attempts: 2,
    backoff: { firstMs: 60_000, jitter: 0.5 },
    timeoutMs: 3_600_000,
    retention: SCHEDULED_RETENTION,
  },
  retention: {
    title:
      'Deletes what is due: expired files, files of forgotten jobs, ended batches, old rows of audit log and ledger',
    queue: 'default',
    payload: z.strictObject({}),
    result: z.object({
      files: z.number(),
      batches: z.number(),
      audit: z.number(),
      usage: z.number(),
      /** Files of jobs that are no longer kept. */
      artifacts: z.number().default(0),
    }),
    submittable: true,
    scope: 'admin',
    priority: 2,
    attempts: 3,
    backoff: { firstMs: 5_000, jitter: 0.5 },
    timeoutMs: 3_600_000,
    retention: SCHEDULED_RETENTION,
    schedule: { cron: '37 * * * *' },
  },
} as const satisfies Record<string, JobContract>;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.output<(typeof JOBS)[N]['payload']>;
export type JobResult<N extends JobName> = z.output<(typeof JOBS)[N]['result']>;

/** Jobs that are done in a thread of their own. */
export type ThreadJobName = {
  [N in JobName]: (typeof JOBS)[N] extends { readonly isolated: 'thread' } ? N : never;
}[JobName];

export function isJobName(text: string): text is JobName {
  return Object.hasOwn(JOBS, text);
}

/** The queues of all jobs, each once. */
export function jobQueues(): readonly string[] {
  return [...new Set(Object.values<JobContract>(JOBS).map((row) => row.queue))];
}
