import type { JobHandler } from '../deps.js';
import { promptsOf, warmPrompts } from './warm-prompts.js';

/**
 * Asks for each prompt again before its provider forgets it. By its schedule that is nothing unless `warmup.keep_prompts` says so; an
 * administrator who asks gets it.
 */
export const promptWarmup: JobHandler<'prompt-warmup'> = async (_payload, deps, context) => {
  if (context.owner === undefined && !deps.settings().warmup.keep_prompts) return { prompts: [] };
  const pairs = promptsOf(deps);
  const prompts = await warmPrompts(pairs, deps, context, async (done) => context.progress({ done, of: pairs.length }));
  return { prompts };
};
