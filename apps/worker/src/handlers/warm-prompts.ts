import type { WarmupPrompt } from '@moltbot/config';
import { type JobResult, MoltbotError } from '@moltbot/contracts';
import type { JobContext, JobDeps } from '../deps.js';

type PromptEntry = JobResult<'prompt-warmup'>['prompts'][number];

/** One prompt for one model. */
export interface PromptPair {
  readonly name: string;
  readonly prompt: WarmupPrompt;
  /** `provider:model`, or the name that stands for nothing. */
  readonly model: string;
  readonly error?: string;
}

/** Every prompt of the configuration with each of its models, once. */
export function promptsOf({ models, settings }: JobDeps): readonly PromptPair[] {
  return Object.entries(settings().warmup.prompts).flatMap(([name, prompt]) => {
    const found = new Map<string, PromptPair>();
    for (const asked of prompt.models ?? [undefined]) {
      try {
        for (const model of models.resolve(asked)) found.set(model, { name, prompt, model });
      } catch (error) {
        found.set(asked ?? 'default', { name, prompt, model: asked ?? 'default', error: codeOf(error) });
      }
    }
    return [...found.values()];
  });
}

/**
 * Fills prompt caches, one after the other: they are large requests, and none of them is urgent. One that fails is reported.
 * @throws the signal's reason where the job itself ends
 */
export async function warmPrompts(
  pairs: readonly PromptPair[],
  deps: JobDeps,
  context: JobContext,
  report: (done: number) => Promise<void>,
): Promise<PromptEntry[]> {
  const entries: PromptEntry[] = [];
  for (const pair of pairs) {
    context.signal.throwIfAborted();
    entries.push(await warmPrompt(pair, deps, context));
    await report(entries.length);
  }
  return entries;
}

async function warmPrompt(pair: PromptPair, deps: JobDeps, { signal, logger }: JobContext): Promise<PromptEntry> {
  const { name, prompt, model, error: unresolved } = pair;
  const base = { prompt: name, model };
  if (unresolved !== undefined) return { ...base, state: 'failed', durationMs: 0, error: unresolved };
  const began = deps.elapsed();
  const withinMs = deps.settings().model_load_timeout;
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
    const tokens = await deps.models.warmPrompt(model, { prompt, signal: limited, withinMs });
    const durationMs = deps.elapsed() - began;
    logger.info('prompt warm', { prompt: name, model, ...tokens });
    return { ...base, state: 'warm', durationMs, ...tokens };
  } catch (error) {
    signal.throwIfAborted();
    const durationMs = deps.elapsed() - began;
    logger.warn('prompt not warm', { prompt: name, model, error });
    return { ...base, state: 'failed', durationMs, error: codeOf(error) };
  }
}

export function codeOf(error: unknown): string {
  if (error instanceof MoltbotError) return error.code;
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'upstream_timeout' : 'internal_error';
}
