import { Readable } from 'node:stream';
import { type JobArtifact, type JobName, type JobPayload, JOBS, MoltbotError } from '@moltbot/contracts';
import type { JobSnapshot } from '@moltbot/queue';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  type OnModuleDestroy,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseStrictly, READS_BODY, readJsonBody } from '../access/json-body.js';
import { assertMayName } from '../access/permitted-plan.js';
import { RequireScope } from '../access/require-scope.js';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { assertLogs } from './assert-logs.js';
import { cancelFineTuning } from './begin-fine-tuning.js';
import { followJob, readEventPosition } from './follow-job.js';
import { artifactBody, artifactsOf } from './job-artifacts.js';
import { toJobView } from './job-object.js';
import { jobListQuerySchema, knownType, newJobSchema, submittable } from './job-schemas.js';
import { submitTrainingJob } from './submit-training-job.js';
import { traceparentOf } from './traceparent.js';
import { callerOf, whoseAre } from './whose.js';

/** Each looks at the queue some times a second. */
const MOST_FOLLOWERS = 256;
const NOTHING = z.strictObject({});

/** Jobs that callers submit, and look after: each its own, administrators all. */
@Controller('v1/jobs')
@RequireScope('jobs')
export class JobsController implements OnModuleDestroy {
  readonly #core: Core;
  readonly #stopping = new AbortController();
  #followers = 0;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  /** The server ends: whoever follows comes back to another process, and loses nothing. */
  onModuleDestroy(): void {
    this.#stopping.abort();
  }

  @Post()
  @HttpCode(202)
  @RouteConfig(READS_BODY)
  async submit(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const { type, payload = {}, delay } = await readJsonBody({ request, reply, schema: newJobSchema });
    const name = submittable(type);
    await this.#assertPermitted(name, payload, request);
    const queues = await this.#core.queues.open();
    const options = {
      idempotencyKey: idempotencyKeyOf(request),
      owner: whoseAre(request).owner,
      caller: callerOf(request.caller?.identity),
      traceparent: traceparentOf(request),
      delayMs: delay,
    };
    // Compared with the job's row there, before anything is queued.
    const { id, existed } =
      name === 'training'
        ? await this.#train(payload, request, options)
        : await queues.enqueue(name, payload as object, options).catch(refuseAsUnprocessable);
    const job = await queues.get(id);
    if (job === undefined) throw new MoltbotError('queue_unavailable', 'The queue does not keep the job.');
    void reply.header('location', `/v1/jobs/${id}`);
    if (existed) void reply.code(200).header('idempotent-replayed', 'true');
    return toJobView(job, { alone: true });
  }

  @Get()
  async list(@Query() query: unknown, @Req() request: FastifyRequest) {
    const { limit, after, type, state } = parseStrictly(jobListQuerySchema, query);
    const types = type?.map((name) => knownType(name));
    const queues = await this.#core.queues.open();
    const page = await queues.list({ limit, after, types, states: state, ...whoseAre(request).visible });
    return {
      object: 'list',
      data: page.jobs.map((job) => toJobView(job)),
      has_more: page.next !== undefined,
      next_after: page.next ?? null,
    };
  }

  @Get(':id')
  async find(@Param('id') id: string, @Req() request: FastifyRequest) {
    const job = await this.#job(id, request);
    return toJobView(job, { alone: true, artifacts: await this.#artifacts(job) });
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
    const { name, payload } = await this.#job(id, request);
    const queues = await this.#core.queues.open();
    const cancelled = found(await queues.cancel(id));
    // The provider has to be told too.
    if (name === 'training') {
      const { fine_tuning_job: training } = payload as JobPayload<'training'>;
      await cancelFineTuning({ core: this.#core, id: training, visible: {} });
    }
    return toJobView(cancelled);
  }

  @Post(':id/retry')
  @HttpCode(200)
  @RouteConfig(READS_BODY)
  async retry(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await readJsonBody({ request, reply, schema: NOTHING, optional: true });
    const { name, payload } = await this.#job(id, request);
    // Whoever submitted it may have lost the right to since.
    await this.#assertPermitted(name, payload, request);
    const queues = await this.#core.queues.open();
    return toJobView(found(await queues.retry(id)));
  }

  @Get(':id/result')
  async result(@Param('id') id: string, @Req() request: FastifyRequest) {
    const job = await this.#job(id, request);
    if (job.state === 'completed') return { id, object: 'job.result', type: job.name, result: job.result ?? null };
    const why = job.error === undefined ? '' : ` (${job.error.code}: ${job.error.message})`;
    throw new MoltbotError('job_state_conflict', `Only a completed job has a result; this one is ${job.state}${why}.`);
  }

  @Get(':id/artifacts')
  async artifacts(@Param('id') id: string, @Req() request: FastifyRequest) {
    await this.#job(id, request);
    const data = await artifactsOf(await this.#core.objects.open(), id);
    return { object: 'list', data, has_more: false };
  }

  @Get(':id/artifacts/:name')
  @Header('cache-control', 'private, no-store')
  async artifact(
    @Param('id') id: string,
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    await this.#job(id, request);
    const file = await artifactBody(await this.#core.objects.open(), id, name);
    if (file === undefined) throw new MoltbotError('not_found', 'The job has no such file.', { param: 'name' });
    const { size, contentType } = file.object;
    void reply.headers({
      'content-type': contentType,
      'content-length': size,
      // A page that a job made is not run in this server's name.
      'content-disposition': `attachment; filename="${name}"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
    this.#cutOffIdle(reply);
    return reply.send(Readable.from(file.body, { objectMode: false }));
  }

  @Get(':id/events')
  async events(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const position = readEventPosition(request.headers['last-event-id']);
    await this.#job(id, request);
    const queues = await this.#core.queues.open();
    const first = found(await queues.follow(id, position.row));
    // Says to a browser that comes back by itself that it need not: there is nothing after the end.
    if (position.ended && first.job.state !== 'active' && first.last <= position.row && isEnd(first.job)) {
      return reply.code(204).send();
    }
    if (this.#followers >= MOST_FOLLOWERS) throw new MoltbotError('overloaded', undefined, { retryAfterMs: 5_000 });
    this.#followers += 1;
    const gone = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, gone.signal]);
    const look = (after: number) => queues.follow(id, after);
    const stream = Readable.from(followJob({ first, position, look, signal }), { objectMode: false });
    stream.once('close', () => {
      gone.abort();
      this.#followers -= 1;
    });
    reply.raw.once('close', () => stream.destroy());
    void reply.headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies of the nginx kind would keep events back.
      'x-accel-buffering': 'no',
    });
    this.#cutOffIdle(reply);
    return reply.send(stream);
  }

  #cutOffIdle(reply: FastifyReply): void {
    reply.raw.setTimeout(this.#core.settings().server.write_timeout, () => reply.raw.destroy());
  }

  /** @throws MoltbotError `not_found`, also for somebody else's */
  async #job(id: string, request: FastifyRequest): Promise<JobSnapshot> {
    const queues = await this.#core.queues.open();
    const { visible } = whoseAre(request);
    const job = found(await queues.get(id));
    return found('owner' in visible && job.owner !== visible.owner ? undefined : job);
  }

  /** What a job is called after it has begun; the job is shown also where the store of files is away. */
  async #artifacts(job: JobSnapshot): Promise<readonly JobArtifact[] | null> {
    if (job.startedAt === undefined) return [];
    try {
      return await artifactsOf(await this.#core.objects.open(), job.id);
    } catch {
      return null;
    }
  }

  /** @throws MoltbotError `permission_denied`, `not_found`, `invalid_request` */
  async #assertPermitted(name: JobName, payload: unknown, request: FastifyRequest): Promise<void> {
    this.#core.access.permit(request.caller?.identity, JOBS[name].scope);
    if (name === 'warmup') this.#assertModels(payload, request);
    if (name === 'log-analysis') await this.#assertLogs(payload, request);
  }

  /** @throws MoltbotError `permission_denied`, `not_found`, `invalid_request` */
  async #assertLogs(payload: unknown, request: FastifyRequest): Promise<void> {
    const identity = request.caller?.identity;
    const { storage, settings, router, access } = this.#core;
    const { visible } = whoseAre(request);
    await assertLogs({
      payload,
      settings: settings(),
      findFile: async (id) => storage.files.find(id, visible),
      permitAdmin: () => {
        access.permit(identity, 'admin');
      },
      assertModel: (name) => {
        assertMayName({ router, identity, name });
        router.plan(name === 'default' ? {} : { model: name });
      },
    });
  }

  async #train(
    payload: unknown,
    request: FastifyRequest,
    options: {
      readonly delayMs: number | undefined;
      readonly idempotencyKey: string | undefined;
      readonly traceparent: string | undefined;
    },
  ) {
    const { delayMs, idempotencyKey, traceparent } = options;
    const asked = { core: this.#core, request, payload, delayMs, idempotencyKey, traceparent };
    const { jobId: id, existed } = await submitTrainingJob(asked);
    return { id, existed };
  }

  /** Whoever may use some models only warms no others up. @throws MoltbotError `permission_denied` */
  #assertModels(payload: unknown, request: FastifyRequest): void {
    const { models } = (payload ?? {}) as { readonly models?: unknown };
    const names = Array.isArray(models) && models.length > 0 ? models : ['default'];
    const identity = request.caller?.identity;
    for (const name of names) {
      if (typeof name === 'string') assertMayName({ router: this.#core.router, identity, name });
    }
  }
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) throw new MoltbotError('not_found', 'There is no such job, or it is another key’s.');
  return thing;
}

function isEnd({ state }: JobSnapshot): boolean {
  return state === 'completed' || state === 'dead' || state === 'cancelled';
}

/** RFC 9110 section 15.5.21: the JSON is understood, what it asks for can't be done. */
function refuseAsUnprocessable(error: unknown): never {
  if (
    error instanceof MoltbotError &&
    error.code === 'invalid_request' &&
    error.param?.startsWith('payload') === true
  ) {
    throw new MoltbotError('invalid_request', error.message, { param: error.param, http: 422, cause: error });
  }
  throw error;
}

function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x20-\x7e]{1,256}$/.test(key)) return key;
  throw new MoltbotError('invalid_request', 'Idempotency-Key: expected 1 to 256 characters of ASCII', {
    param: 'idempotency-key',
  });
}
