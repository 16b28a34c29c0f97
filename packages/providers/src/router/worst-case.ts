import type { Settings } from '@moltbot/config';
import type { ChainPlan, Model } from '../target.js';
import type { CallSize } from './call-size.js';

export type WorstCase =
  | {
      readonly known: true;
      /** What one whole answer costs at most, by the dearest model that may give it; in millionths. */
      readonly micros: bigint;
      /** Of one input token, by the dearest model; in millionths. */
      readonly inputPrice: number;
    }
  /** `provider:model` of those whose price nobody knows. */
  | { readonly known: false; readonly unpriced: readonly string[] };

/** More than any budget holds. */
const MOST_MICROS = 1e18;

/** The most that one answer to a call may cost, whichever model of the plan gives it. */
export function worstCaseOf(options: {
  readonly plan: ChainPlan;
  readonly size: CallSize;
  readonly settings: Settings['limits'];
}): WorstCase {
  const { plan, size, settings } = options;
  const unpriced: string[] = [];
  let highest = 0;
  let inputPrice = 0;
  for (const model of modelsOf(plan)) {
    const { price, capabilities } = model;
    if (price === undefined) {
      if (settings.unpriced_models === 'refuse') unpriced.push(model.ref);
      continue;
    }
    const ofInput = Math.max(price.input, price.cachedInput, price.cacheWrite);
    const room = (size.isOneText ? capabilities.contextWindow : undefined) ?? Number.POSITIVE_INFINITY;
    const unbounded = (capabilities.maxOutputTokens ?? settings.assumed_output_tokens) * size.choices;
    // A server that knows `max_tokens` only writes as if nothing had been said.
    const isPassedOver = size.isNewWord && model.provider.kind === 'openai-compatible';
    const output = isPassedOver ? Math.max(size.outputLimit ?? 0, unbounded) : (size.outputLimit ?? unbounded);
    const micros = Math.ceil(Math.min(size.inputBound, room) * ofInput + output * price.output);
    if (micros > highest) highest = micros;
    if (ofInput > inputPrice) inputPrice = ofInput;
  }
  if (unpriced.length > 0) return { known: false, unpriced };
  return { known: true, micros: wholeMicros(highest), inputPrice };
}

/** Where a provider refuses the content, the policy chain's models may answer too. */
export function modelsOf(plan: ChainPlan): readonly Model[] {
  const policy = plan.policyPlan?.();
  return policy === undefined ? plan.models : [...plan.models, ...policy.models];
}

/** Costs as exact numbers; what an upstream claims without sense is bounded. */
export function wholeMicros(micros: number | undefined): bigint {
  return micros !== undefined && micros > 0 ? BigInt(Math.ceil(Math.min(micros, MOST_MICROS))) : 0n;
}
