import { MoltbotError } from '@moltbot/contracts';
import type { FastifyRequest } from 'fastify';
import { parseStrictly } from '../access/json-body.js';
import type { Core } from '../core/core.js';
import { type BegunFineTuning, beginFineTuning } from './begin-fine-tuning.js';
import { newFineTuningSchema } from './fine-tuning-schemas.js';

/**
 * A job of type `training` is a fine-tuning job: its payload is the body of `POST /v1/fine_tuning/jobs`.
 * @throws MoltbotError as `beginFineTuning`; 422 with the path of the payload where it does not fit
 */
export async function submitTrainingJob(options: {
  readonly core: Core;
  readonly request: FastifyRequest;
  readonly payload: unknown;
  readonly delayMs: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
}): Promise<BegunFineTuning> {
  const { payload, delayMs, ...begin } = options;
  if (delayMs !== undefined && delayMs > 0) {
    throw new MoltbotError('invalid_request', 'delay: a training begins at once.', { param: 'delay' });
  }
  try {
    return await beginFineTuning({ ...begin, body: parseStrictly(newFineTuningSchema, payload) });
  } catch (error) {
    if (!(error instanceof MoltbotError) || error.code !== 'invalid_request') throw error;
    const [param, message] =
      error.param === undefined
        ? ['payload', `payload: ${error.message}`]
        : [`payload.${error.param}`, `payload.${error.message}`];
    throw new MoltbotError('invalid_request', message, { param, http: 422, cause: error });
  }
}
