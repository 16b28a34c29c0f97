import { z } from 'zod';

/** A job's contract: its queue, its shapes, and how it is tried, timed and kept. */
export interface JobContract<Payload extends z.ZodType = z.ZodType, Result extends z.ZodType = z.ZodType> {
  readonly queue: string;
  readonly payload: Payload;
  readonly result: Result;
  readonly attempts: number;
  /** First wait in ms; doubles with each attempt. */
  readonly backoffMs: number;
  readonly timeoutMs: number;
  /** How many finished and failed jobs are kept. */
  readonly keep: { readonly completed: number; readonly failed: number };
}

/** Every job there is: a name without a row can't be enqueued, a row without a handler doesn't compile. */
export const JOBS = {
  warmup: {
    queue: 'moltbot-default',
    payload: z.strictObject({
      /** Chains or `provider:model` names; empty: the default chain. */
      models: z.array(z.string().min(1).max(321)).max(64).default([]),
    }),
    result: z.object({
      models: z.array(
        z.object({
          model: z.string(),
          state: z.enum(['warm', 'failed']),
          durationMs: z.number(),
          error: z.string().optional(),
        }),
      ),
    }),
    attempts: 3,
    backoffMs: 1_000,
    timeoutMs: 600_000,
    keep: { completed: 1_000, failed: 5_000 },
  },
} as const satisfies Record<string, JobContract>;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.output<(typeof JOBS)[N]['payload']>;
export type JobResult<N extends JobName> = z.output<(typeof JOBS)[N]['result']>;
