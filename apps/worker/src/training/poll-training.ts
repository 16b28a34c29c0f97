import type { ProviderTraining, ProviderTrainingEvent } from '@moltbot/providers';
import type { FineTuningStatus, MirroredTraining } from '@moltbot/storage';
import { recordTraining } from './record-training.js';
import { readTrouble } from './training-trouble.js';
import type { TrainingTurn } from './training-run.js';

/** As many events as were mirrored last are looked up to know where to go on. */
const KNOWN_EVENTS = 200;
const MOST_FAILURES = 3;

/** In our words; `undefined`: it goes on as it was. */
const STATUSES: Readonly<Record<ProviderTraining['status'], FineTuningStatus | undefined>> = {
  validating_files: 'validating_files',
  queued: 'queued',
  running: 'running',
  paused: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
  unknown: undefined,
};

/**
 * Asks the provider once how the job stands, or to cancel it, and mirrors what it says.
 * @returns whether it has ended. @throws Lost; ProviderError and MoltbotError of the provider's API; MoltbotError of the storage
 */
export async function pollTraining(turn: TrainingTurn, upstreamId: string): Promise<boolean> {
  const { record, save, end, storage } = turn;
  const { id } = record();
  const training = await ask(turn, upstreamId);
  const status = STATUSES[training.status] ?? record().status;
  const ended = status === 'succeeded' || status === 'failed' || status === 'cancelled';
  const events = await mirrorEvents(turn, upstreamId);
  await storage.fineTunings.addEvents(id, events);
  if (ended || events.length > 0) {
    const checkpoints = await orNone(turn, turn.api().checkpoints(upstreamId, turn.signal));
    await storage.fineTunings.addCheckpoints(id, checkpoints);
  }
  // One that has ended stays as it was until it is ended here too, with its model, in one step.
  await save({ status: ended ? record().status : status, upstream: mirrored(training), trouble: undefined });
  await report(turn, status, events);
  if (!ended) return false;
  await recordTraining(turn, training, status);
  if (status === 'succeeded' && training.model === undefined) {
    const message = 'The provider says that the training succeeded, but names no model.';
    await end({ status: 'failed', error: { code: 'no_model', message } });
  } else if (status === 'succeeded') {
    await end({ status, model: training.model });
  } else {
    await end({ status, error: status === 'failed' ? (training.error ?? NO_REASON) : undefined });
  }
  return true;
}

const NO_REASON = { code: 'training_failed', message: 'The training failed; the provider says no more.' };

/** Cancelling one that has just ended is an error there: how it stands is asked then. */
async function ask(turn: TrainingTurn, upstreamId: string): Promise<ProviderTraining> {
  const api = turn.api();
  if (turn.record().cancelRequestedAt === undefined) return api.get(upstreamId, turn.signal);
  try {
    return await api.cancel(upstreamId, turn.signal);
  } catch (error) {
    const { type } = readTrouble(error, { begun: false });
    if (type !== 'refused' && type !== 'unknown') throw error;
    return api.get(upstreamId, turn.signal);
  }
}

async function mirrorEvents(turn: TrainingTurn, upstreamId: string): Promise<readonly ProviderTrainingEvent[]> {
  const { storage, record, signal } = turn;
  const { id } = record();
  const last = await storage.fineTunings.events(id, { limit: KNOWN_EVENTS });
  const known = new Set(last.map((event) => event.id));
  const isKnown = (eventId: string): boolean => known.has(eventId);
  return orNone(turn, turn.api().events(upstreamId, { isKnown, signal }));
}

/** A compatible server need not have them; where they can't be had again and again, the job goes on without them. */
async function orNone<T>(turn: TrainingTurn, wanted: Promise<readonly T[]>): Promise<readonly T[]> {
  return wanted.catch((error: unknown) => {
    const { type } = readTrouble(error, { begun: true });
    const failures = turn.record().trouble?.failures ?? 0;
    if (type === 'unknown' || (type === 'wait' && failures >= MOST_FAILURES)) return [];
    throw error;
  });
}

function mirrored(training: ProviderTraining): MirroredTraining {
  const { trainedTokens, resultFiles, hyperparameters, method, seed, estimatedFinish } = training;
  return { trainedTokens, resultFiles, hyperparameters, method, seed, estimatedFinish };
}

/** `done` of `of` where the provider counts its steps. */
async function report(
  { context }: TrainingTurn,
  status: FineTuningStatus,
  events: readonly ProviderTrainingEvent[],
): Promise<void> {
  const data = events.findLast(({ type, data: values }) => type === 'metrics' && values?.['step'] !== undefined)?.data;
  const [done, of] = [data?.['step'], data?.['total_steps']];
  const counted = typeof done === 'number' && typeof of === 'number' ? { done, of } : {};
  if (events.length > 0) await context.progress({ status, ...counted });
}
