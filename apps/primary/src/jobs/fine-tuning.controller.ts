import { MoltbotError } from '@moltbot/contracts';
import type { FineTuningRecord } from '@moltbot/storage';
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseStrictly, READS_BODY, readJsonBody } from '../access/json-body.js';
import { RequireScope } from '../access/require-scope.js';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { beginFineTuning, cancelFineTuning } from './begin-fine-tuning.js';
import {
  FINE_TUNING_ID,
  fineTuningListQuerySchema,
  fineTuningPageQuerySchema,
  newFineTuningSchema,
  toCheckpointObject,
  toEventObject,
  toFineTuningObject,
} from './fine-tuning-schemas.js';
import { traceparentOf } from './traceparent.js';
import { whoseAre } from './whose.js';

/** Some clients send an empty object where nothing has to be said. */
const NOTHING = z.strictObject({});
/** A database that does not answer holds nobody up. */
const PATIENCE_MS = 500;

/** Models that are trained at providers, in the shape of OpenAI's fine-tuning API; a worker asks for them there. */
@Controller('v1/fine_tuning/jobs')
@RequireScope('jobs')
export class FineTuningController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Post()
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const body = await readJsonBody({ request, reply, schema: newFineTuningSchema });
    const idempotencyKey = idempotencyKeyOf(request);
    const { training } = await beginFineTuning({
      core: this.#core,
      request,
      body,
      idempotencyKey,
      traceparent: traceparentOf(request),
    });
    return toFineTuningObject(training);
  }

  @Get()
  async list(@Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, after, metadata } = parseStrictly(fineTuningListQuerySchema, query);
    const { visible } = whoseAre(request);
    const found = await this.#core.storage.fineTunings.list({ ...visible, after, metadata, limit: limit + 1 });
    return page(found, limit, toFineTuningObject);
  }

  @Get(':id')
  async find(@Param('id') id: string, @Req() request: FastifyRequest) {
    const training = await this.#training(id, request);
    await this.#know(training);
    return toFineTuningObject(training);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await readJsonBody({ request, reply, schema: NOTHING, optional: true });
    const { visible } = whoseAre(request);
    const training = FINE_TUNING_ID.test(id) ? await cancelFineTuning({ core: this.#core, id, visible }) : undefined;
    return toFineTuningObject(existing(training));
  }

  @Get(':id/events')
  async events(@Param('id') id: string, @Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, after } = parseStrictly(fineTuningPageQuerySchema, query);
    await this.#training(id, request);
    const found = await this.#core.storage.fineTunings.events(id, { after, limit: limit + 1 });
    return page(found, limit, toEventObject);
  }

  @Get(':id/checkpoints')
  async checkpoints(@Param('id') id: string, @Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, after } = parseStrictly(fineTuningPageQuerySchema, query);
    const training = await this.#training(id, request);
    const found = await this.#core.storage.fineTunings.checkpoints(id, { after, limit: limit + 1 });
    return page(found, limit, (checkpoint) => toCheckpointObject(checkpoint, training));
  }

  /** Whoever is told of a new model may ask for it at once, by its bare name too. */
  async #know({ provider, fineTunedModel }: FineTuningRecord): Promise<void> {
    const { registeredModels } = this.#core;
    if (fineTunedModel === undefined || registeredModels.of(provider).includes(fineTunedModel)) return;
    await registeredModels.freshen({ olderThanMs: 0, withinMs: PATIENCE_MS });
  }

  /** @throws MoltbotError `not_found`, also for somebody else's */
  async #training(id: string, request: FastifyRequest): Promise<FineTuningRecord> {
    const { fineTunings } = this.#core.storage;
    return existing(FINE_TUNING_ID.test(id) ? await fineTunings.find(id, whoseAre(request).visible) : undefined);
  }
}

function page<T, O extends { readonly id: string }>(found: readonly T[], limit: number, toObject: (entry: T) => O) {
  const data = found.slice(0, limit).map((entry) => toObject(entry));
  return {
    object: 'list',
    data,
    has_more: found.length > limit,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** @throws MoltbotError `invalid_request` */
function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x20-\x7e]{1,256}$/.test(key)) return key;
  throw new MoltbotError('invalid_request', 'Idempotency-Key: expected 1 to 256 characters of ASCII.', {
    param: 'idempotency-key',
  });
}

function existing(training: FineTuningRecord | undefined): FineTuningRecord {
  if (training !== undefined) return training;
  throw new MoltbotError('not_found', 'There is no such fine-tuning job, or it is another key’s.', {
    param: 'fine_tuning_job_id',
  });
}
