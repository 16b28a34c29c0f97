import { type JobResult, MoltbotError } from '@moltbot/contracts';
import type { JobContext, JobDeps, JobHandler } from '../deps.js';
import { codeOf, promptsOf, warmPrompts } from './warm-prompts.js';

type WarmupEntry = JobResult<'warmup'>['models'][number];

const STATE_LEVELS = { failed: 0, loading: 1, warm: 2 } as const;
/** Providers that load at the same time; the models of one provider follow each other, because they share its memory. */
const MAX_LANES = 4;

/** Loads models ahead of the first request, then fills prompt caches. What fails is reported with its code and does not fail the job. */
export const warmup: JobHandler<'warmup'> = async (payload, deps, context) => {
  const entries = new Map<string, WarmupEntry>();
  const models = resolveAll(payload.models, deps, entries);
  const report = async (entry: WarmupEntry): Promise<void> => {
    entries.set(entry.model, entry);
    await context.progress({ done: entries.size, of: all });
  };
  const unresolved = entries.size;
  // They cost no key's budget: only where MoltBot itself or this machine's user asks. Where models are named, only what they share.
  const pairs =
    context.owner === undefined
      ? promptsOf(deps).filter(({ model }) => payload.models.length === 0 || models.includes(model))
      : [];
  const all = models.length + unresolved + pairs.length;

  const lanes = byProvider(models);
  const runLane = async (): Promise<void> => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
      for (const model of lane) await report(await warmOne(model, deps, context));
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_LANES, lanes.length) }, runLane));
  const prompts = await warmPrompts(pairs, deps, context, async (done) =>
    context.progress({ done: entries.size + done, of: all }),
  );
  return { models: [...entries.values()], prompts };
};

/** Names that stand for nothing become failed entries; models behind several names are warmed once. */
function resolveAll(
  names: readonly string[],
  { models }: JobDeps,
  entries: Map<string, WarmupEntry>,
): readonly string[] {
  const found = new Set<string>();
  for (const name of names.length === 0 ? [undefined] : names) {
    try {
      for (const model of models.resolve(name)) found.add(model);
    } catch (error) {
      const model = name ?? 'default';
      entries.set(model, { model, state: 'failed', durationMs: 0, error: codeOf(error) });
    }
  }
  return [...found];
}

function byProvider(models: readonly string[]): string[][] {
  const lanes = new Map<string, string[]>();
  for (const model of models) {
    const provider = model.slice(0, model.indexOf(':'));
    const lane = lanes.get(provider);
    if (lane === undefined) lanes.set(provider, [model]);
    else lane.push(model);
  }
  return [...lanes.values()];
}

/** @throws the signal's reason where the job itself ends */
async function warmOne(model: string, deps: JobDeps, { signal, logger }: JobContext): Promise<WarmupEntry> {
  const { metrics, settings, elapsed } = deps;
  signal.throwIfAborted();
  const withinMs = settings().model_load_timeout;
  const began = elapsed();
  metrics.modelLoadState.set({ model }, STATE_LEVELS.loading);
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new MoltbotError('upstream_timeout', `The model did not answer within ${withinMs} ms`));
  }, withinMs);
  try {
    await deps.models.warm(model, { signal: AbortSignal.any([signal, limit.signal]), withinMs });
    const durationMs = elapsed() - began;
    metrics.modelLoadState.set({ model }, STATE_LEVELS.warm);
    metrics.modelLoad.observe({ model }, durationMs / 1_000);
    logger.info('model warm', { model, durationMs: Math.round(durationMs) });
    return { model, state: 'warm', durationMs };
  } catch (error) {
    // Who ends the job says nothing about the model.
    if (signal.aborted) metrics.modelLoadState.remove({ model });
    signal.throwIfAborted();
    metrics.modelLoadState.set({ model }, STATE_LEVELS.failed);
    const durationMs = elapsed() - began;
    const cause: unknown = limit.signal.aborted ? limit.signal.reason : error;
    logger.warn('model not warm', { model, durationMs: Math.round(durationMs), error: cause });
    return { model, state: 'failed', durationMs, error: codeOf(cause) };
  } finally {
    clearTimeout(timer);
  }
}
