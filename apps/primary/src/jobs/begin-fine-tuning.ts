import { createHash, randomBytes } from 'node:crypto';
import { MoltbotError } from '@moltbot/contracts';
import { hasFineTuning, type Model } from '@moltbot/providers';
import type { FileRecord, FineTuningRecord } from '@moltbot/storage';
import type { FastifyRequest } from 'fastify';
import { assertMayName } from '../access/permitted-plan.js';
import type { Core } from '../core/core.js';
import type { NewFineTuningBody } from './fine-tuning-schemas.js';
import { callerOf, whoseAre } from './whose.js';

export interface BegunFineTuning {
  readonly training: FineTuningRecord;
  readonly jobId: string;
  /** The same was asked for before, under the same key. */
  readonly existed: boolean;
}

/**
 * Takes a fine-tuning job in charge: its row first, then the job that does it.
 * @throws MoltbotError `invalid_request` with the param, `permission_denied`, `model_not_found`, `fine_tuning_unsupported`,
 * `idempotency_conflict`, `queue_unavailable`, `storage_unavailable`
 */
export async function beginFineTuning(options: {
  readonly core: Core;
  readonly request: FastifyRequest;
  readonly body: NewFineTuningBody;
  readonly idempotencyKey: string | undefined;
  readonly traceparent?: string | undefined;
}): Promise<BegunFineTuning> {
  const { core, request, body, idempotencyKey, traceparent } = options;
  const { storage } = core;
  const { owner } = whoseAre(request);
  const model = baseModel(core, request, body.model);
  const training = await fileOf(core, request, 'training_file', body.training_file);
  const validation =
    typeof body.validation_file === 'string'
      ? await fileOf(core, request, 'validation_file', body.validation_file)
      : undefined;
  const requestHash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  const id = `ftjob-${randomBytes(12).toString('hex')}`;
  const record = await storage.fineTunings.create({
    id,
    owner,
    idempotencyKey,
    requestHash,
    provider: model.provider.name,
    model: model.ref,
    asked: {
      upstreamModel: model.upstreamName,
      suffix: body.suffix ?? undefined,
      seed: body.seed ?? undefined,
      hyperparameters: body.hyperparameters,
      method: body.method,
      metadata: body.metadata ?? undefined,
      minRating: body.min_rating,
    },
    trainingFile: training.id,
    trainingKey: training.objectKey,
    validationFile: validation?.id,
    validationKey: validation?.objectKey,
  });
  if (record.requestHash !== requestHash) throw new MoltbotError('idempotency_conflict');
  const existed = record.id !== id;
  try {
    const queues = await core.queues.open();
    const job = await queues.enqueue(
      'training',
      { fine_tuning_job: record.id },
      { idempotencyKey: record.id, owner, caller: callerOf(request.caller?.identity), traceparent },
    );
    return { training: record, jobId: job.id, existed };
  } catch (error) {
    // One without a job would only be begun by a later sweep: its caller is told to ask again.
    if (!existed) await storage.fineTunings.drop(id).catch(() => undefined);
    throw error;
  }
}

/** Asks for the end at the provider too, soon: the job itself may wait for its time. */
export async function cancelFineTuning(options: {
  readonly core: Core;
  readonly id: string;
  readonly visible: { readonly owner?: string | undefined };
}): Promise<FineTuningRecord | undefined> {
  const { core, id, visible } = options;
  const record = await core.storage.fineTunings.cancel(id, visible);
  if (record === undefined || record.endedAt !== undefined) return record;
  const queues = await core.queues.open();
  await queues.enqueue('training', { fine_tuning_job: id }, { idempotencyKey: `${id} cancel`, owner: record.owner });
  return record;
}

function baseModel(core: Core, request: FastifyRequest, name: string): Model {
  const { router } = core;
  assertMayName({ router, identity: request.caller?.identity, name });
  if (name === 'default' || router.list().some(({ id, kind }) => kind === 'chain' && id === name)) {
    throw new MoltbotError('invalid_request', 'model: expected one model, not a chain.', { param: 'model' });
  }
  const [model] = router.plan({ model: name }).models;
  if (model === undefined) throw new MoltbotError('model_not_found', undefined, { param: 'model' });
  if (!hasFineTuning(model.provider)) {
    const message = `The provider \`${model.provider.name}\` has no fine-tuning API that is known here.`;
    throw new MoltbotError('fine_tuning_unsupported', message, { param: 'model' });
  }
  return model;
}

async function fileOf(core: Core, request: FastifyRequest, param: string, id: string): Promise<FileRecord> {
  const file = await core.storage.files.find(id, whoseAre(request).visible);
  const wrong = (message: string) => new MoltbotError('invalid_request', `${param}: ${message}`, { param });
  if (file === undefined) throw wrong('There is no such file, or it is another key’s.');
  if (file.purpose !== 'fine-tune')
    throw wrong(`The file is for \`${file.purpose}\`: upload it with purpose=fine-tune.`);
  return file;
}
