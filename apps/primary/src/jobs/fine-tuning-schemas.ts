import type { FineTuningCheckpoint, FineTuningEvent, FineTuningRecord } from '@moltbot/storage';
import { z } from 'zod';
import { FILE_ID, seconds } from './file-schemas.js';

export const FINE_TUNING_ID = /^ftjob-[0-9a-f]{24}$/;

const MOST_METADATA = 16;
const LONGEST_SUFFIX = 64;

const storable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();
const fileId = z.string().regex(FILE_ID, 'expected the id of a file, file-…');
const autoOr = (value: z.ZodNumber) => z.union([z.literal('auto'), value]);
/** As OpenAI's API has them; what fits a model is the provider's to say. */
const hyperparameters = z.strictObject({
  n_epochs: autoOr(z.int().min(1).max(50)).optional(),
  batch_size: autoOr(z.int().min(1).max(4_096)).optional(),
  learning_rate_multiplier: autoOr(z.number().positive().max(1_000)).optional(),
});
const preference = hyperparameters.extend({ beta: autoOr(z.number().positive().max(2)).optional() });

const method = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('supervised'),
      supervised: z.strictObject({ hyperparameters: hyperparameters.optional() }).optional(),
    }),
    z.strictObject({
      type: z.literal('dpo'),
      dpo: z.strictObject({ hyperparameters: preference.optional() }).optional(),
    }),
  ],
  { error: 'expected `supervised` or `dpo`' },
);

const metadata = z
  .record(z.string().max(64).refine(storable, 'expected text'), z.string().max(512).refine(storable, 'expected text'))
  .refine((value) => Object.keys(value).length <= MOST_METADATA, `expected at most ${MOST_METADATA} pairs`);

export const newFineTuningSchema = z
  .strictObject({
    model: z.string().min(1).max(321),
    training_file: fileId,
    validation_file: fileId.nullish(),
    suffix: z.string().min(1).max(LONGEST_SUFFIX).refine(storable, 'expected text').nullish(),
    seed: z.int().min(0).max(2_147_483_647).nullish(),
    hyperparameters: hyperparameters.optional(),
    method: method.optional(),
    metadata: metadata.nullish(),
    integrations: z.array(z.unknown()).max(0, 'there are no integrations here').nullish(),
    /** Of conversations with a `rating` or `score`: those with at least this one are taken. */
    min_rating: z.number().optional(),
  })
  .refine((body) => body.min_rating === undefined || body.method?.type !== 'dpo', {
    path: ['min_rating'],
    message: 'expected with `method.type: supervised` only',
  });

export type NewFineTuningBody = z.output<typeof newFineTuningSchema>;

const limit = z.coerce.number().int().min(1).max(100).default(20);

/** `metadata[key]=value` are fields of their own in a query. */
export const fineTuningListQuerySchema = z
  .looseObject({ limit, after: z.string().regex(FINE_TUNING_ID, 'expected the id of a fine-tuning job').optional() })
  .transform(({ limit: most, after, ...rest }, context) => {
    const pairs: [string, string][] = [];
    for (const [name, value] of Object.entries(rest)) {
      const [, key] = /^metadata\[(.{1,64})\]$/.exec(name) ?? [];
      if (key !== undefined && typeof value === 'string' && storable(key + value)) pairs.push([key, value]);
      else context.addIssue({ code: 'custom', path: [name], message: 'is not known here' });
    }
    return { limit: most, after, metadata: pairs.length === 0 ? undefined : Object.fromEntries(pairs) };
  });

export const fineTuningPageQuerySchema = z.strictObject({ limit, after: z.string().min(1).max(256).optional() });

/** As OpenAI's clients know it; models are named so that they can be asked here: `provider:model`. */
export function toFineTuningObject(job: FineTuningRecord) {
  const { asked, upstream, error } = job;
  return {
    object: 'fine_tuning.job',
    id: job.id,
    model: job.model,
    created_at: seconds(job.createdAt),
    finished_at: maybeSeconds(job.endedAt),
    fine_tuned_model: job.fineTunedModel === undefined ? null : `${job.provider}:${job.fineTunedModel}`,
    organization_id: 'moltbot',
    // Those of the provider can't be read here.
    result_files: [],
    status: job.status,
    training_file: job.trainingFile,
    validation_file: job.validationFile ?? null,
    hyperparameters: upstream?.hyperparameters ?? asked.hyperparameters ?? { n_epochs: 'auto' },
    method: upstream?.method ?? asked.method ?? { type: 'supervised' },
    trained_tokens: upstream?.trainedTokens ?? null,
    error: error === undefined ? null : { code: error.code, message: error.message, param: error.param ?? null },
    user_provided_suffix: asked.suffix ?? null,
    seed: upstream?.seed ?? asked.seed ?? 0,
    estimated_finish: maybeSeconds(upstream?.estimatedFinish),
    integrations: [],
    metadata: asked.metadata ?? null,
    moltbot: {
      provider: job.provider,
      provider_job: job.upstreamId ?? null,
      provider_result_files: upstream?.resultFiles ?? [],
      data_set: job.dataSet ?? null,
      min_rating: asked.minRating ?? null,
      cancel_requested_at: maybeSeconds(job.cancelRequestedAt),
      waiting_for_provider:
        job.trouble === undefined ? null : { code: job.trouble.code, since: seconds(job.trouble.since) },
    },
  };
}

export function toEventObject(event: FineTuningEvent) {
  return {
    object: 'fine_tuning.job.event',
    id: event.id,
    created_at: seconds(event.at),
    level: event.level,
    type: event.type,
    message: event.message,
    data: event.data ?? null,
  };
}

export function toCheckpointObject(checkpoint: FineTuningCheckpoint, { id, provider }: FineTuningRecord) {
  return {
    object: 'fine_tuning.job.checkpoint',
    id: checkpoint.id,
    created_at: seconds(checkpoint.at),
    fine_tuned_model_checkpoint: `${provider}:${checkpoint.model}`,
    fine_tuning_job_id: id,
    step_number: checkpoint.step,
    metrics: checkpoint.metrics,
  };
}

function maybeSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : seconds(ms);
}
