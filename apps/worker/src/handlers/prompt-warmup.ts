import type { JobHandler } from '../deps.js';
import { promptsOf, warmPrompts } from './warm-prompts.js';

/** Asks for each prompt again before its provider forgets it; nothing unless `warmup.keep_prompts` says so. */
export const promptWarmup: JobHandler<'prompt-warmup'> = async (_payload, deps, context) => {
  if (!deps.settings().warmup.keep_prompts) return { prompts: [] };
  const pairs = promptsOf(deps);
  const prompts = await warmPrompts(pairs, deps, context, async (done) => context.progress({ done, of: pairs.length }));
  return { prompts };
};
