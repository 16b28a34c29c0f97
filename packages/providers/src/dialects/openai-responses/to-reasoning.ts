import type { ReasoningOptions } from '@moltbot/contracts';
import type { ModelTraits } from './model-traits.js';

/** Half way between the budgets that the efforts stand for elsewhere. */
const EFFORTS: readonly (readonly [below: number, effort: string])[] = [
  [4_096, 'low'],
  [16_384, 'medium'],
  [Number.POSITIVE_INFINITY, 'high'],
];

/**
 * `reasoning`. A summary is asked for where the caller wants to see thoughts (a budget, or thinking as such), not with a bare
 * effort: accounts that are not verified are refused it.
 */
export function toReasoning(
  options: ReasoningOptions | undefined,
  traits: ModelTraits,
  dropped: string[],
): Readonly<Record<string, unknown>> | undefined {
  if (options === undefined) return undefined;
  if (traits.reasons === false) {
    if (options.effort !== 'none') dropped.push('reasoning');
    return undefined;
  }
  const { effort, budgetTokens, summary } = options;
  if (effort !== undefined) return summary === undefined ? { effort } : { effort, summary };
  const shown = { summary: summary ?? 'auto' };
  if (budgetTokens === undefined) return shown;
  return { effort: EFFORTS.find(([below]) => budgetTokens < below)?.[1], ...shown };
}
