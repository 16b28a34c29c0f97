import type { Settings } from '@moltbot/config';
import type { JsonObject, ChainPlan, Model } from '@moltbot/providers';

/** What a request of a batch may use, in tokens and in money. Bounds from above: what it really cost is settled after it. */
export interface RequestSize {
  readonly inputTokens: number;
  /** Tokens of the request and its answer, as they will probably be counted. */
  readonly tokens: number;
  /** Of one answer at most, by the dearest model; in millionths. */
  readonly worstCaseMicros: bigint;
  /** `provider:model` of those whose price nobody knows, where that is a reason to refuse. */
  readonly unpriced: readonly string[];
}

const BYTES_PER_TOKEN = 4;
const EXPECTED_OUTPUT_TOKENS = 1_024;
/** The largest context that is sold: what is more than text may fill it, and no byte of the request shows it. */
const LARGEST_CONTEXT_TOKENS = 2_000_000;
const MOST_OUTPUT_TOKENS = 1e12;
const MOST_MICROS = 1e18;
/** A request without any of these is text, and has no more tokens than bytes. */
const MORE_THAN_TEXT = [
  '"image',
  '"document"',
  '"file"',
  '_url"',
  '_upload"',
  '"input_',
  '"tools"',
  'web_search',
  'mcp_',
];

export function requestSize(options: {
  readonly plan: ChainPlan;
  readonly value: JsonObject;
  readonly bytes: Buffer;
  readonly embeddings: boolean;
  readonly settings: Settings['limits'];
}): RequestSize {
  const { plan, value, bytes, embeddings, settings } = options;
  const inputTokens = Math.ceil(bytes.length / BYTES_PER_TOKEN);
  const bound = bytes.length + (MORE_THAN_TEXT.some((sign) => bytes.includes(sign)) ? LARGEST_CONTEXT_TOKENS : 0);
  const choices = embeddings ? 0 : Math.max(1, whole(value['n']) ?? 1);
  const limits = [whole(value['max_tokens']), whole(value['max_completion_tokens'])].filter(
    (limit) => limit !== undefined && limit > 0,
  );
  const limit = limits.length === 0 ? undefined : Math.max(...limits.map(Number));
  const unpriced: string[] = [];
  let highest = 0;
  for (const { ref, price, capabilities } of modelsOf(plan)) {
    if (price === undefined) {
      if (settings.unpriced_models === 'refuse') unpriced.push(ref);
      continue;
    }
    const ofInput = Math.max(price.input, price.cachedInput, price.cacheWrite);
    const room = embeddings ? Number.POSITIVE_INFINITY : (capabilities.contextWindow ?? Number.POSITIVE_INFINITY);
    const output = (limit ?? capabilities.maxOutputTokens ?? settings.assumed_output_tokens) * choices;
    highest = Math.max(highest, Math.min(bound, room) * ofInput + Math.min(output, MOST_OUTPUT_TOKENS) * price.output);
  }
  const expected = Math.min((limit ?? EXPECTED_OUTPUT_TOKENS) * choices, MOST_OUTPUT_TOKENS);
  return { inputTokens, tokens: inputTokens + expected, worstCaseMicros: wholeMicros(highest), unpriced };
}

export function wholeMicros(micros: number | undefined): bigint {
  return micros !== undefined && micros > 0 ? BigInt(Math.ceil(Math.min(micros, MOST_MICROS))) : 0n;
}

/** Where a provider refuses the content, the policy chain's models may answer too. */
export function modelsOf(plan: ChainPlan): readonly Model[] {
  const policy = plan.policyPlan?.();
  return policy === undefined ? plan.models : [...plan.models, ...policy.models];
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
    ? Math.min(Math.ceil(value), MOST_OUTPUT_TOKENS)
    : undefined;
}
