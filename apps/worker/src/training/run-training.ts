import { randomUUID } from 'node:crypto';
import { type JobPayload, type JobResult, MoltbotError } from '@moltbot/contracts';
import { JobLater } from '@moltbot/queue';
import type { FineTuningRecord, FineTuningTrouble, Storage } from '@moltbot/storage';
import type { JobContext, JobDeps } from '../deps.js';
import { pollTraining } from './poll-training.js';
import { submitTraining } from './submit-training.js';
import { readTrouble } from './training-trouble.js';
import { dropDataSets, Failed, Lost, type TrainingTurn } from './training-run.js';

/** Another worker may take the training when nothing was heard of this one for so long, or as long as jobs wait for theirs. */
const SHORTEST_LEASE_MS = 3_000;
const BEAT_MS = 1_000;
const LONGEST_WAIT_MS = 600_000;
/** A provider may need a moment to know a job that it has just made. */
const MOST_MISSING = 3;

type TurnDeps = Pick<JobDeps, 'settings' | 'objects' | 'training' | 'storage'>;

/**
 * One turn of the work on a fine-tuning job: as far as it comes, then it is put off until the provider is to be asked again.
 * @throws JobLater; MoltbotError `not_found`, `storage_unavailable`, `object_store_unavailable`; the signal's reason
 */
export async function runTraining(
  { fine_tuning_job: id }: JobPayload<'training'>,
  deps: TurnDeps,
  context: JobContext,
): Promise<JobResult<'training'>> {
  const storage = await deps.storage();
  const worker = randomUUID();
  const leaseMs = Math.max(SHORTEST_LEASE_MS, deps.settings().worker.takeover_after);
  const claimed = await storage.fineTunings.claim(id, { worker, leaseMs });
  if (claimed === undefined) {
    const found = await storage.fineTunings.find(id);
    if (found === undefined) throw new MoltbotError('not_found', 'There is no such fine-tuning job any more.');
    if (found.endedAt !== undefined) return outcomeOf(found);
    // Another worker is at it, or was, and died: it has its time.
    throw new JobLater(leaseMs);
  }
  let waitMs: number | undefined;
  try {
    waitMs = await takeTurn({ claimed, worker, deps, context, storage });
  } catch (error) {
    // Cancelled as a job: the training is what its owner sees.
    if (context.signal.aborted && isCancellation(context.signal.reason)) {
      await storage.fineTunings.cancel(id);
      await context.followUp('training', { fine_tuning_job: id }, { key: 'after-cancel' });
    }
    throw error;
  } finally {
    await storage.fineTunings.release(id, worker).catch(() => undefined);
  }
  const found = await storage.fineTunings.find(id);
  if (found?.endedAt !== undefined) return outcomeOf(found);
  throw new JobLater(waitMs ?? deps.settings().worker.training.poll_interval);
}

/** @returns ms until the next turn */
async function takeTurn(options: {
  readonly claimed: FineTuningRecord;
  readonly worker: string;
  readonly deps: TurnDeps;
  readonly context: JobContext;
  readonly storage: Storage;
}): Promise<number | undefined> {
  const { worker, deps, context, storage } = options;
  const { fineTunings } = storage;
  const { id } = options.claimed;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const beat = setInterval(() => {
    fineTunings.beat(id, worker).then(
      (ours) => {
        if (!ours) stop.abort(new Lost());
      },
      () => undefined,
    );
  }, BEAT_MS);
  let record = options.claimed;
  const turn: TrainingTurn = {
    deps,
    context,
    storage,
    worker,
    signal,
    record: () => record,
    async save(changes) {
      const saved = await fineTunings.save(id, worker, { ...record, ...changes });
      if (saved === undefined) throw new Lost();
      record = saved;
    },
    async end(end) {
      // First: nobody would look for them afterwards.
      await dropDataSets(await deps.objects(), id);
      if (!(await fineTunings.end(id, worker, end))) throw new Lost();
      context.logger.info('training ended', { training: id, status: end.status, error: end.error?.code });
    },
    tell: async (event) => fineTunings.addEvents(id, [{ ...event, id: `ftevent-moltbot-${event.id}`, at: Date.now() }]),
    api: () => deps.training.api(record.model, record.credential),
    now: Date.now,
  };
  try {
    return await advance(turn);
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof Lost || stop.signal.aborted) return undefined;
    return await afterTrouble(turn, error);
  } finally {
    clearInterval(beat);
  }
}

async function advance(turn: TrainingTurn): Promise<number | undefined> {
  if (turn.record().upstreamId === undefined) {
    const waitMs = await submitTraining(turn);
    if (waitMs !== undefined) return waitMs;
  }
  const { upstreamId } = turn.record();
  if (upstreamId !== undefined) await pollTraining(turn, upstreamId);
  return undefined;
}

/** @throws what has nothing to do with the provider, and Lost */
async function afterTrouble(turn: TrainingTurn, error: unknown): Promise<number | undefined> {
  const { record, save, deps, context } = turn;
  if (error instanceof Failed) return fail(turn, error);
  const begun = record().upstreamId !== undefined;
  const trouble = readTrouble(error, { begun });
  if (trouble.type === 'ours') throw trouble.error;
  if (trouble.type === 'refused') return fail(turn, new Failed(trouble.fault));
  const settings = deps.settings().worker.training;
  const before = record().trouble;
  const now = turn.now();
  const next: FineTuningTrouble = {
    failures: (before?.failures ?? 0) + 1,
    since: before?.since ?? now,
    code: trouble.code,
    missing: trouble.type === 'unknown' ? (before?.missing ?? 0) + 1 : 0,
  };
  if (next.missing >= MOST_MISSING) return fail(turn, new Failed(missing(record().upstreamId)));
  if (now - next.since >= settings.give_up_after) {
    const there = begun ? ` The job there (${record().upstreamId}) may go on.` : '';
    const message = `The provider could not be asked since ${new Date(next.since).toISOString()} (${trouble.code}).${there}`;
    return fail(turn, new Failed({ code: trouble.code, message }));
  }
  await save({ trouble: next });
  context.logger.warn('training: the provider does not answer', { training: record().id, code: trouble.code });
  const wait = Math.min(settings.poll_interval * 2 ** Math.min(next.failures - 1, 20), LONGEST_WAIT_MS);
  const asked = trouble.type === 'wait' ? (trouble.retryAfterMs ?? 0) : 0;
  return Math.max(wait, Math.min(asked, LONGEST_WAIT_MS));
}

async function fail(turn: TrainingTurn, { fault }: Failed): Promise<undefined> {
  await turn.end({ status: 'failed', error: fault });
}

function missing(upstreamId: string | undefined) {
  return { code: 'provider_job_missing', message: `The provider does not know the job ${upstreamId ?? ''} any more.` };
}

function outcomeOf({ id, status, fineTunedModel, provider, error }: FineTuningRecord): JobResult<'training'> {
  return {
    fine_tuning_job: id,
    status,
    model: fineTunedModel === undefined ? null : `${provider}:${fineTunedModel}`,
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

function isCancellation(error: unknown): boolean {
  return error instanceof MoltbotError && error.code === 'job_cancelled';
}
