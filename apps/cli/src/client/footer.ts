import type { CommandContext } from '../context.js';
import type { ChatOutcome } from './stream-chat.js';

/** Who answered, how long it took, what it took; and, where it is so, that the answer is not whole. */
export function showFooter({ output, messages }: CommandContext, outcome: ChatOutcome): void {
  if (!outcome.text.endsWith('\n')) output.line();
  const { brokeOff, finishReason } = outcome;
  if (brokeOff !== undefined && !output.json) output.error(output.errorStyle('red', messages.brokeOff(brokeOff)));
  else if (finishReason === 'length') output.note(output.errorStyle('yellow', messages.lengthReached));
  const facts = [
    outcome.model,
    ...(outcome.simulated ? [messages.simulatedMark] : []),
    `${(outcome.durationMs / 1_000).toFixed(1)} s`,
    outcome.usage === undefined
      ? messages.footerTokensUnknown
      : messages.footerTokens(outcome.usage.input, outcome.usage.output),
    outcome.cost === undefined ? messages.footerCostUnknown : messages.footerCost(outcome.cost),
    ...(outcome.fallback === undefined ? [] : [messages.footerFallback(outcome.fallback)]),
  ];
  output.note(output.errorStyle('dim', `— ${facts.join(' · ')}`));
}

/** The answer for programs; `complete` says whether it is whole. */
export function toJsonOutcome({ cost, fallback, usage, brokeOff, ...outcome }: ChatOutcome): Record<string, unknown> {
  return {
    ...outcome,
    usage: usage ?? null,
    cost: cost ?? null,
    fallback: fallback ?? null,
    complete: brokeOff === undefined,
    ...(brokeOff === undefined ? {} : { brokeOff }),
  };
}
