import { isDeepStrictEqual } from 'node:util';
import { type JobContract, type JobName, JOBS, type JobPayload, MoltbotError } from '@moltbot/contracts';
import type { JobsOptions } from 'bullmq';
import type { BackoffOptions } from './backoff.js';
import { toJobId } from './job-id.js';
import type { BullQueue, JobEnvelope } from './queue-backend.js';

export interface EnqueueOptions {
  /** Two jobs of one name, owner and key are one job, as long as the first is kept. Any text up to 256 characters. */
  readonly idempotencyKey?: string | undefined;
  /** Within which trace the job is done: a W3C `traceparent`. */
  readonly traceparent?: string | undefined;
  /** Who asks: the id of a key or `local`. Nobody's where not set. */
  readonly owner?: string | undefined;
  /** What the owner was allowed then: for people without a key, whose rights nobody can look up later. */
  readonly caller?: JobCaller | undefined;
  /** Not before so many ms from now. */
  readonly delayMs?: number | undefined;
}

export interface JobCaller {
  readonly name: string;
  readonly models?: readonly string[] | undefined;
  readonly limits?: Readonly<Record<string, number | undefined>> | undefined;
}

/** Defaults need not be given. */
export type JobInput<N extends JobName> = Partial<JobPayload<N>>;

export interface Enqueued {
  readonly id: string;
  /** There was one of that idempotency key already; nothing was added. */
  readonly existed: boolean;
}

/** A job that is about to be added. */
export interface PreparedJob {
  readonly name: JobName;
  readonly id: string;
  readonly queue: string;
  readonly envelope: JobEnvelope;
  readonly options: JobsOptions;
  readonly idempotent: boolean;
}

const MAX_PAYLOAD_BYTES = 1_048_576;
const MAX_KEY = 256;
const MAX_DELAY_MS = 366 * 86_400_000;

/** @throws MoltbotError `invalid_request` with the param, `payload_too_large` */
export function prepareJob(options: {
  readonly name: string;
  readonly payload: unknown;
  readonly enqueue: EnqueueOptions;
  readonly now: number;
  /** 16 hexadecimal digits. */
  readonly random: () => string;
}): PreparedJob {
  const { enqueue, now, random } = options;
  const { name, row } = jobRow(options.name);
  const { traceparent, owner, caller, idempotencyKey, delayMs = 0 } = enqueue;
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > MAX_KEY)) {
    throw new MoltbotError('invalid_request', `idempotency_key: expected 1 to ${MAX_KEY} characters`, {
      param: 'idempotency_key',
    });
  }
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS)) {
    throw new MoltbotError('invalid_request', 'delay: expected 0 to 366 days', { param: 'delay' });
  }
  const envelope: JobEnvelope = {
    payload: parsePayload(row, options.payload),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(owner === undefined ? {} : { owner }),
    ...(caller === undefined ? {} : { caller }),
    ...(idempotencyKey === undefined ? {} : { submission: random() }),
  };
  // The id is always our own, so that a command that is sent again after a broken connection adds nothing.
  const id = toJobId({ name, owner, idempotencyKey, now, random: random() });
  return {
    name,
    id,
    queue: row.queue,
    envelope,
    options: { jobId: id, ...jobOptions(row), ...(delayMs === 0 ? {} : { delay: delayMs }) },
    idempotent: idempotencyKey !== undefined,
  };
}

/** @throws MoltbotError `idempotency_conflict` where another payload came first, unless `takeFirst` */
export async function addJob(
  queue: BullQueue,
  job: PreparedJob,
  { takeFirst = false }: { readonly takeFirst?: boolean } = {},
): Promise<Enqueued> {
  await queue.add(job.name, job.envelope, job.options);
  if (!job.idempotent) return { id: job.id, existed: false };
  // BullMQ adds nothing where there is one of this id, and does not say so.
  const kept = await queue.getJob(job.id);
  if (kept === undefined || kept.data.submission === job.envelope.submission) return { id: job.id, existed: false };
  if (!takeFirst && !isDeepStrictEqual(kept.data.payload, asStored(job.envelope.payload))) {
    throw new MoltbotError('idempotency_conflict', undefined, { param: 'idempotency_key' });
  }
  return { id: job.id, existed: true };
}

export function jobRow(name: string): { readonly name: JobName; readonly row: JobContract } {
  if (!Object.hasOwn(JOBS, name)) {
    throw new MoltbotError('invalid_request', 'There is no job of this name', { param: 'name' });
  }
  return { name: name as JobName, row: JOBS[name as JobName] };
}

/** What a row says of a job, as BullMQ takes it. */
export function jobOptions(row: JobContract) {
  const backoff: BackoffOptions = { type: 'moltbot', delay: row.backoff.firstMs, jitter: row.backoff.jitter };
  return {
    attempts: row.attempts,
    backoff,
    ...(row.priority === 0 ? {} : { priority: row.priority }),
    removeOnComplete: toRemoval(row.retention.completed),
    removeOnFail: toRemoval(row.retention.failed),
    // What is kept of a failure is its code and message; a stack may hold more than others should read.
    stackTraceLimit: 0,
  };
}

/** BullMQ counts ages in seconds. */
function toRemoval({ count, ageMs }: JobContract['retention']['completed']) {
  return { count, age: Math.ceil(ageMs / 1_000) };
}

function parsePayload(row: JobContract, payload: unknown): unknown {
  const parsed = row.payload.safeParse(payload);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    const path = ['payload', ...(issue?.path ?? []), ...unknown].map(String).join('.').slice(0, 200);
    const what = unknown.length > 0 ? 'is not known here' : (issue?.message ?? 'not valid');
    throw new MoltbotError('invalid_request', `${path}: ${what}`, { param: path });
  }
  if (Buffer.byteLength(JSON.stringify(parsed.data)) > MAX_PAYLOAD_BYTES) {
    throw new MoltbotError('payload_too_large', `A job may carry ${MAX_PAYLOAD_BYTES} bytes`, { param: 'payload' });
  }
  return parsed.data;
}

/** The queue's server may keep the fields in another order, and forgets what JSON has no word for. */
function asStored(payload: unknown): unknown {
  return JSON.parse(JSON.stringify(payload)) as unknown;
}
