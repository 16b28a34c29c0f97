import { type ProviderFile, ProviderError } from '@moltbot/providers';
import { buildDataSet, type DataSetReport, InvalidDataSet } from './build-data-set.js';
import { assertOwner } from './training-owner.js';
import { isUntaken, readTrouble } from './training-trouble.js';
import { dataSetKey, dropDataSets, Failed, type TrainingTurn } from './training-run.js';

/** Clocks of machines differ; the file alone says whether a job is ours. */
const CLOCK_DIFFERENCE_MS = 3_600_000;

/**
 * Builds the data set, brings it to the provider and asks for the job; each step is written before it is done and after. Who
 * comes back to a step that was begun looks first whether the provider has what would come of it.
 * @returns ms to wait where it can't be known yet; `undefined`: the provider has the job, or the training has ended
 * @throws Failed, Lost; ProviderError and MoltbotError of the provider's API; MoltbotError of storage and store
 */
export async function submitTraining(turn: TrainingTurn): Promise<number | undefined> {
  const { record } = turn;
  const begun = (): boolean => record().createBegunAt !== undefined;
  if (!begun() && record().cancelRequestedAt !== undefined) return endCancelled(turn);
  if (record().upstreamFile === undefined) await prepare(turn);
  if (!begun() && (await turn.storage.fineTunings.find(record().id))?.cancelRequestedAt !== undefined) {
    return endCancelled(turn);
  }
  return create(turn);
}

async function prepare(turn: TrainingTurn): Promise<void> {
  const { record, save, deps, storage } = turn;
  await assertOwner(storage, record().owner, turn.now());
  if (record().credential === undefined) {
    const credential = deps.training.accountFor(record().model);
    // Also says whether the provider has such an API at all, before anything is read.
    deps.training.api(record().model, credential);
    if (credential !== undefined) await save({ credential });
  }
  if (record().dataSet === undefined) await save({ dataSet: { ...(await buildAll(turn)) } });
  const { validationFile } = record();
  if (validationFile !== undefined && record().upstreamValidationFile === undefined) {
    await save({ upstreamValidationFile: (await upload(turn, 'validation')).id });
  }
  await save({ upstreamFile: (await upload(turn, 'training')).id });
}

async function buildAll(turn: TrainingTurn): Promise<Readonly<Record<string, DataSetReport>>> {
  const { trainingKey, validationKey } = turn.record();
  const training = await build(turn, 'training', trainingKey);
  return validationKey === undefined
    ? { training }
    : { training, validation: await build(turn, 'validation', validationKey) };
}

async function build(turn: TrainingTurn, kind: 'training' | 'validation', from: string): Promise<DataSetReport> {
  const { record, deps, signal, tell } = turn;
  const { id, asked } = record();
  const objects = await deps.objects();
  try {
    const report = await buildDataSet({
      objects,
      from,
      to: dataSetKey(id, kind),
      kind,
      form: asked.method?.['type'] === 'dpo' ? 'dpo' : 'supervised',
      minRating: asked.minRating,
      maxLineBytes: deps.settings().server.body_limit,
      signal,
    });
    await tell({
      id: `${kind}-data`,
      level: 'info',
      type: 'message',
      message: told(kind, report),
      data: { ...report },
    });
    return report;
  } catch (error) {
    if (!(error instanceof InvalidDataSet)) throw error;
    for (const [index, message] of error.faults.entries()) {
      await tell({ id: `${kind}-fault-${index}`, level: 'error', type: 'message', message });
    }
    throw new Failed({ code: error.code, message: error.message, param: `${kind}_file` });
  }
}

function told(kind: string, report: DataSetReport): string {
  const { examples, tokens, longestTokens, duplicates, belowRating, fieldsLeftOut } = report;
  const notes = [
    `about ${tokens} tokens, the longest example about ${longestTokens}`,
    ...(belowRating > 0 ? [`${belowRating} rated too low`] : []),
    ...(duplicates > 0 ? [`${duplicates} there more than once`] : []),
    ...(fieldsLeftOut > 0 ? [`${fieldsLeftOut} fields left out`] : []),
  ];
  return `The ${kind} data set has ${examples} examples: ${notes.join(', ')}.`;
}

async function upload(turn: TrainingTurn, kind: 'training' | 'validation'): Promise<ProviderFile> {
  const { record, save, deps, signal } = turn;
  const { id } = record();
  const api = turn.api();
  const objects = await deps.objects();
  const key = dataSetKey(id, kind);
  const stored = await objects.head(key);
  if (stored === undefined) {
    // Somebody emptied the store: it is built again, of the same file.
    await save({ dataSet: undefined });
    throw new ProviderError('server-error', 'The data set is gone from the store of files.');
  }
  const file = { fileName: `moltbot-${id}-${kind}.jsonl`, size: stored.size };
  if (record().uploadBegunAt !== undefined) {
    const found = await orNone(api.findFile(file, signal));
    if (found !== undefined) return found;
  }
  await save({ uploadBegunAt: turn.now() });
  const open = async (): Promise<AsyncIterable<Uint8Array>> => {
    const found = await objects.get({ key });
    if (found === undefined) throw new Failed({ code: 'file_missing', message: 'The data set is gone.' });
    return found.body;
  };
  try {
    const uploaded = await api.uploadFile({ ...file, open }, signal);
    if (uploaded.status === 'error') {
      const message = `The provider could not read the ${kind} file.`;
      throw new Failed({ code: `invalid_${kind}_file`, message, param: `${kind}_file` });
    }
    return uploaded;
  } catch (error) {
    if (readTrouble(error, { begun: false }).type !== 'unknown') throw error;
    const message = 'The provider has no OpenAI-compatible API for files, and so none for fine-tuning.';
    throw new Failed({ code: 'fine_tuning_unsupported', message });
  }
}

/** A server without a list of files: a file that is there twice costs nothing. */
async function orNone<T>(wanted: Promise<T | undefined>): Promise<T | undefined> {
  return wanted.catch((error: unknown) => {
    if (readTrouble(error, { begun: false }).type === 'unknown') return undefined;
    throw error;
  });
}

async function create(turn: TrainingTurn): Promise<number | undefined> {
  const { record, save, signal, deps } = turn;
  const { id, asked, upstreamFile, upstreamValidationFile, createBegunAt, cancelRequestedAt } = record();
  if (upstreamFile === undefined) return undefined;
  const api = turn.api();
  if (createBegunAt !== undefined) {
    // What was sent may still be on its way there.
    const settled = createBegunAt + deps.settings().worker.training.poll_interval - turn.now();
    if (settled > 0) return settled;
    const by = { trainingFile: upstreamFile, notBefore: createBegunAt - CLOCK_DIFFERENCE_MS };
    const found = await api.find(by, signal).catch((error: unknown) => {
      if (readTrouble(error, { begun: true }).type !== 'unknown') throw error;
      const message =
        'It is not known whether the provider took the job, and it has no list of jobs to look in. Nothing is asked for twice.';
      throw new Failed({ code: 'submission_unknown', message });
    });
    if (found !== undefined) return begun(turn, found.id);
    if (cancelRequestedAt !== undefined) return endCancelled(turn);
  }
  await save({ createBegunAt: turn.now() });
  const made = await api
    .create(
      {
        model: asked.upstreamModel,
        trainingFile: upstreamFile,
        validationFile: upstreamValidationFile,
        suffix: asked.suffix,
        seed: asked.seed,
        hyperparameters: asked.hyperparameters,
        method: asked.method,
        metadata: asked.metadata,
        idempotencyKey: id,
      },
      signal,
    )
    .catch(async (error: unknown) => {
      const trouble = readTrouble(error, { begun: false });
      // Then there is nothing to look for the next time.
      if (isUntaken(error)) await save({ createBegunAt: undefined });
      if (trouble.type !== 'unknown' || !(error instanceof ProviderError)) throw error;
      const why = error.callerMessage === undefined ? '' : ` It says: ${error.callerMessage}`;
      const message = `The provider does not train ${asked.upstreamModel}, or has no fine-tuning API.${why}`;
      throw new Failed({ code: 'fine_tuning_unsupported', message, param: 'model' });
    });
  return begun(turn, made.id);
}

async function begun(turn: TrainingTurn, upstreamId: string): Promise<undefined> {
  await turn.save({ upstreamId, trouble: undefined });
  await dropDataSets(await turn.deps.objects(), turn.record().id);
  turn.context.logger.info('training begun at the provider', { training: turn.record().id, upstreamId });
}

async function endCancelled(turn: TrainingTurn): Promise<undefined> {
  await turn.tell({
    id: 'cancelled',
    level: 'info',
    type: 'message',
    message: 'Cancelled before the provider had the job.',
  });
  await turn.end({ status: 'cancelled' });
}
