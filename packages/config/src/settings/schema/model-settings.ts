import { z } from 'zod';
import { differencesOf, duration, modelName, NAME_EXPECTED } from '../setting-values.js';

const retryPolicy = z.strictObject({
  max_attempts: z
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe('Attempts on one target; the repeats (this minus one) are shared by the whole chain.'),
  backoff_factor: z
    .number()
    .min(1)
    .max(10)
    .default(1.5)
    .describe('Each wait is at most this many times the one before.'),
  initial_backoff: duration('500ms', { max: 60_000 }).describe(
    'Upper bound of the first wait (full jitter: the wait is random between 0 and the bound).',
  ),
  max_backoff: duration('8s', { max: 300_000 }).describe('Upper bound of any wait.'),
  max_total_wait: duration('20s', { max: 600_000 }).describe(
    'All waits of one request together; a Retry-After beyond it moves to the next target at once.',
  ),
});

const timeouts = z.strictObject({
  connect: duration('5s', { min: 10 }).describe('To open a connection, TLS included.'),
  headers: duration('30s', { min: 10 }).describe('From the request to the response headers of a streamed answer.'),
  answer: duration('5m', { min: 10 }).describe('From the request to the last byte of an answer that is not streamed.'),
  first_content: duration('60s', { min: 10 }).describe(
    'From before the connection to the first content of a streamed answer; role-only events and keep-alives do not stop it.',
  ),
  gap: duration('60s', { min: 10 }).describe('Between two contents of a stream.'),
  total: duration('10m', { min: 10 }).describe('The deadline of the whole request, over all attempts.'),
});

const chain = z.strictObject({
  primary: modelName.describe('The model that is asked first.'),
  fallbacks: z.array(modelName).max(32).default([]).describe('Asked in this order when the one before is unavailable.'),
  retry_policy: differencesOf(retryPolicy).optional().describe('What differs from `models.retry_policy`.'),
  timeouts: differencesOf(timeouts).optional().describe('What differs from `timeouts`.'),
  policy_chain: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('Name of the chain that is asked when a provider refuses the content.'),
});

export const modelsSettings = z
  .strictObject({
    primary: modelName.default('demo:assistant').describe('The model that is asked first.'),
    fallbacks: z
      .array(modelName)
      .max(32)
      .default([])
      .describe('Asked in this order when the one before is unavailable.'),
    retry_policy: retryPolicy.prefault({}).describe('Repeats of a call that failed for a passing reason.'),
    fallback_for_explicit: z
      .boolean()
      .default(false)
      .describe('Whether a model that the caller named alone may be replaced by the default chain’s fallbacks.'),
    policy_chain: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('Name of the chain that is asked when a provider refuses the content.'),
    chains: z
      .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, NAME_EXPECTED), chain)
      .refine((chains) => Object.keys(chains).length <= 256, 'expected at most 256 chains')
      .default({})
      .describe('Further chains by name; a request names one as its model.'),
  })
  .prefault({})
  .describe('Which models answer, and in which order.');

export const timeoutsSettings = timeouts.prefault({}).describe('Time limits of one request; each has its own error.');

export const breakerSettings = z
  .strictObject({
    failures: z
      .number()
      .min(1)
      .max(1_000)
      .default(5)
      .describe('Failures in a row within `window` that open it (a late first content counts half).'),
    window: duration('30s', { min: 100 }).describe('A failure older than this no longer counts.'),
    open_for: duration('5s', { min: 100 }).describe(
      'Until the first probe; at least this long between two probes of one cluster.',
    ),
    max_open_for: duration('2m', { min: 100 }).describe('The wait doubles with each failed probe up to this.'),
  })
  .prefault({})
  .describe('When a model that fails is left alone, and for how long.');

export const retryBudgetSettings = z
  .strictObject({
    ratio: z
      .number()
      .min(0)
      .max(10)
      .default(0.2)
      .describe('Repeats allowed per request of recent traffic, over all requests of the process.'),
    burst: z.int().min(0).max(10_000).default(20).describe('Repeats allowed without recent traffic.'),
  })
  .prefault({})
  .describe('Keeps an outage from becoming a storm of repeats.');
