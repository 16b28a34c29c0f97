import { createHash, randomBytes } from 'node:crypto';
import { MoltbotError } from '@moltbot/contracts';
import type { BatchRecord } from '@moltbot/storage';
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseStrictly, READS_BODY, readJsonBody } from '../access/json-body.js';
import { RequireScope } from '../access/require-scope.js';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { BATCH_ID, batchListQuerySchema, newBatchSchema, toBatchObject } from './batch-schemas.js';
import { traceparentOf } from './traceparent.js';
import { callerOf, whoseAre } from './whose.js';

const LONGEST_KEY = 256;
/** Some clients send an empty object where nothing has to be said. */
const NOTHING = z.strictObject({});

/** Batches of requests, in the shape of OpenAI's Batch API; a worker answers them. */
@Controller('v1/batches')
@RequireScope('jobs')
export class BatchesController {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  @Post()
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const body = await readJsonBody({ request, reply, schema: newBatchSchema });
    const idempotencyKey = idempotencyKeyOf(request);
    const { storage } = this.#core;
    const { owner, visible } = whoseAre(request);
    const file = await storage.files.find(body.input_file_id, visible);
    if (file === undefined) throw wrongFile('There is no such file, or it is another key’s.');
    if (file.purpose !== 'batch') throw wrongFile(`The file is for \`${file.purpose}\`: upload it with purpose=batch.`);
    const requestHash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    const id = `batch_${randomBytes(12).toString('hex')}`;
    const batch = await storage.batches.create({
      id,
      owner,
      caller: callerOf(request.caller?.identity),
      idempotencyKey,
      requestHash,
      endpoint: body.endpoint,
      inputFileId: file.id,
      inputKey: file.objectKey,
      completionWindow: body.completion_window.text,
      metadata: body.metadata ?? undefined,
      outputExpiresMs: body.output_expires_after === undefined ? undefined : body.output_expires_after.seconds * 1_000,
      expiresAt: Date.now() + body.completion_window.ms,
    });
    if (batch.requestHash !== requestHash) throw new MoltbotError('idempotency_conflict');
    // Also where it was there before: whoever made it may have died before there was a job. The job is the same one.
    if (batch.endedAt === undefined)
      await this.#begin(batch.id, { isNew: batch.id === id, traceparent: traceparentOf(request) });
    return toBatchObject(batch);
  }

  @Get()
  async list(@Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, after } = parseStrictly(batchListQuerySchema, query);
    const found = await this.#core.storage.batches.list({ ...whoseAre(request).visible, after, limit: limit + 1 });
    const data = found.slice(0, limit).map(toBatchObject);
    return {
      object: 'list',
      data,
      has_more: found.length > limit,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    };
  }

  @Get(':id')
  async find(@Param('id') id: string, @Req() request: FastifyRequest) {
    const { batches } = this.#core.storage;
    return toBatchObject(found(BATCH_ID.test(id) ? await batches.find(id, whoseAre(request).visible) : undefined));
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
    const { batches } = this.#core.storage;
    return toBatchObject(found(BATCH_ID.test(id) ? await batches.cancel(id, whoseAre(request).visible) : undefined));
  }

  /** A batch without a job would only be begun by the next sweep: its caller is told to ask again. */
  async #begin(
    id: string,
    { isNew, traceparent }: { readonly isNew: boolean; readonly traceparent: string | undefined },
  ): Promise<void> {
    try {
      const queues = await this.#core.queues.open();
      await queues.enqueue('batch', { batch_id: id }, { idempotencyKey: id, traceparent });
    } catch (error) {
      if (isNew) await this.#core.storage.batches.drop(id).catch(() => undefined);
      throw error;
    }
  }
}

/** @throws MoltbotError `invalid_request` */
function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key !== '' && key.length <= LONGEST_KEY) return key;
  throw new MoltbotError('invalid_request', `Idempotency-Key: expected 1 to ${LONGEST_KEY} characters.`, {
    param: 'idempotency-key',
  });
}

function wrongFile(message: string): MoltbotError {
  return new MoltbotError('invalid_request', `input_file_id: ${message}`, { param: 'input_file_id' });
}

function found(batch: BatchRecord | undefined): BatchRecord {
  if (batch !== undefined) return batch;
  throw new MoltbotError('not_found', 'There is no such batch, or it is another key’s.', { param: 'batch_id' });
}
