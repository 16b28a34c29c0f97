import type { Settings } from '@moltbot/config';
import {
  type CallerRequest,
  type CallSize,
  type ChainPlan,
  chatSize,
  embeddingsSize,
  expectedTokens,
  LARGEST_CONTEXT_TOKENS,
  worstCaseOf,
} from '@moltbot/providers';

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
/** A request without any of these is text, and has no more tokens than bytes. */
const MORE_THAN_TEXT = [
  '"image',
  '"document"',
  '"file"',
  '_url"',
  '_upload"',
  '"input_audio',
  '"input_file',
  '"input_image',
  '"tools"',
  'web_search',
  'mcp_',
];

export function requestSize(options: {
  readonly plan: ChainPlan;
  /** Of a chat; embeddings are told by their bytes alone. */
  readonly call: CallerRequest | undefined;
  readonly bytes: Buffer;
  readonly settings: Settings['limits'];
}): RequestSize {
  const { plan, call, bytes, settings } = options;
  const inputTokens = Math.ceil(bytes.length / BYTES_PER_TOKEN);
  const size = call === undefined ? embeddingsSize(bytes.length) : boundedSize(chatSize(call), { bytes, inputTokens });
  const worstCase = worstCaseOf({ plan, size, settings });
  return {
    inputTokens,
    tokens: expectedTokens(size),
    worstCaseMicros: worstCase.known ? worstCase.micros : 0n,
    unpriced: worstCase.known ? [] : worstCase.unpriced,
  };
}

/** As large as the primary takes it for, and a full context for whatever is more than text. */
function boundedSize(
  size: CallSize,
  { bytes, inputTokens }: { readonly bytes: Buffer; readonly inputTokens: number },
): CallSize {
  const isMore = MORE_THAN_TEXT.some((sign) => bytes.includes(sign));
  const bound = bytes.length + (isMore ? LARGEST_CONTEXT_TOKENS : 0);
  return {
    ...size,
    inputTokens: Math.max(size.inputTokens, inputTokens),
    inputBound: Math.max(size.inputBound, bound),
  };
}
