import { type Refusal, toMicros } from '@moltbot/auth';
import type { KeyLimits } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { moneyText } from './limit-headers.js';

/** A refusal of the limiter as the error that its caller gets. */
export function refusalError(options: {
  readonly refusal: Refusal;
  readonly limits: KeyLimits;
  readonly tokens: number;
  readonly worstCaseMicros: bigint;
}): MoltbotError {
  const { refusal } = options;
  return new MoltbotError(refusal.code, messageOf(options), { retryAfterMs: refusal.retryAfterMs });
}

function messageOf({ refusal, limits, tokens, worstCaseMicros }: Parameters<typeof refusalError>[0]): string {
  switch (refusal.by) {
    case 'requests':
      return `The key’s limit of ${limits.requests_per_minute} requests a minute is reached.`;
    case 'tokens':
      return `The key’s limit of ${limits.tokens_per_minute} tokens a minute is reached: this request may use ${tokens}.`;
    case 'parallel':
      return `The key’s limit of ${limits.parallel_requests} requests at the same time is reached.`;
    case 'day':
      return budgetMessage(refusal, 'day', toMicros(limits.budget_per_day), worstCaseMicros);
    case 'month':
      return budgetMessage(refusal, 'month', toMicros(limits.budget_per_month), worstCaseMicros);
  }
}

function budgetMessage(refusal: Refusal, period: string, limit: bigint | undefined, worstCase: bigint): string {
  const budget = `the key’s budget of ${moneyText(limit ?? 0n)} a ${period}`;
  const left = moneyText(refusal.standing.budgetRemainingMicros ?? 0n);
  const needs = `this request may cost up to ${moneyText(worstCase)}`;
  if (refusal.retryAfterMs === undefined) {
    return `All of ${budget} is not enough: ${needs}. Ask for fewer output tokens.`;
  }
  if (refusal.held) return `Of ${budget} ${left} is not set aside for requests still under way, and ${needs}.`;
  return `Of ${budget} ${left} is left, and ${needs}.`;
}
