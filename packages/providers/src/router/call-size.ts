import type { Dialect } from '@moltbot/contracts';
import type { CallerRequest } from '../caller-request.js';
import { mediaOf } from './call-media.js';

/** How large a call is, as far as its request tells. */
export interface CallSize {
  /** As it will probably be counted: characters / 4. */
  readonly inputTokens: number;
  /** As it can be counted at most. */
  readonly inputBound: number;
  /** What the caller lets the model write, all choices together; `undefined`: it does not say. */
  readonly outputLimit: number | undefined;
  /** Whether it says so by the newer word of OpenAI's API alone, which many servers that speak it pass over. */
  readonly isNewWord: boolean;
  readonly choices: number;
  /** Whether all of its input is read at once, so that it has to fit a model's window. */
  readonly isOneText: boolean;
}

const BYTES_PER_TOKEN = 4;
/** An image by its address costs tokens that no byte of the request shows. Usual ones, and the most that most models count. */
const IMAGE_TOKENS = 1_000;
const LARGEST_IMAGE_TOKENS = 5_000;
/** What providers write into the prompt themselves once there are tools. */
const TOOL_PROMPT_TOKENS = 1_000;

/** The largest context that is sold: what stands behind an address or in a PDF may fill it, and no byte of the request shows it. */
export const LARGEST_CONTEXT_TOKENS = 2_000_000;
/** More than any model writes; keeps products finite. */
const MOST_OUTPUT_TOKENS = 1e12;
/** The words of each door for its limit. Those of another door are passed over on the way, and limit nothing. */
const LIMITS: Readonly<Partial<Record<Dialect, readonly string[]>>> = {
  'openai-chat': ['max_tokens', 'max_completion_tokens'],
  'anthropic-messages': ['max_tokens'],
  'openai-responses': ['max_output_tokens'],
};

/**
 * A token is a byte of text at least, in every tokenizer that falls back to bytes: so a request has no more tokens than bytes.
 * See docs/decisions/2026-11-22-budgets.md.
 */
export function chatSize(call: CallerRequest): CallSize {
  const { scanned } = call;
  const bytes = scanned === undefined ? call.bytes.length : scanned.body.length;
  const read = (key: string): unknown => (scanned === undefined ? call.value[key] : scanned.read(key));
  const { images, imageBytes, isOpenEnded } = mediaOf(call);
  const text = bytes - imageBytes;
  const tools = read('tools') === undefined ? 0 : TOOL_PROMPT_TOKENS;
  // Many servers take a limit of 0 for none.
  const limits = (LIMITS[call.dialect] ?? []).flatMap((key) => numbersAt(call, key)).filter((limit) => limit > 0);
  const oldWords = call.dialect === 'openai-chat' ? numbersAt(call, 'max_tokens').filter((limit) => limit > 0) : limits;
  const choices = call.dialect === 'openai-chat' ? Math.max(1, ...numbersAt(call, 'n')) : 1;
  return {
    inputTokens: Math.ceil(text / BYTES_PER_TOKEN) + images * IMAGE_TOKENS,
    inputBound: text + images * LARGEST_IMAGE_TOKENS + tools + (isOpenEnded ? LARGEST_CONTEXT_TOKENS : 0),
    outputLimit: limits.length === 0 ? undefined : Math.min(Math.max(...limits) * choices, MOST_OUTPUT_TOKENS),
    isNewWord: limits.length > 0 && oldWords.length === 0,
    choices,
    isOneText: true,
  };
}

/** Output of a request that does not say, for limits on tokens: it is put right after the answer. */
const EXPECTED_OUTPUT_TOKENS = 1_024;

/** Tokens of a call and its answer, as they will probably be counted. */
export function expectedTokens({ inputTokens, outputLimit, choices }: CallSize): number {
  return inputTokens + (outputLimit ?? EXPECTED_OUTPUT_TOKENS * choices);
}

/** Texts, each of them read alone, or numbers of tokens, which take two bytes each at least. */
export function embeddingsSize(bytes: number): CallSize {
  return {
    inputTokens: Math.ceil(bytes / BYTES_PER_TOKEN),
    inputBound: bytes,
    outputLimit: 0,
    isNewWord: false,
    choices: 1,
    isOneText: false,
  };
}

/** A count of tokens is a request, and else costs nothing. */
export const COUNT_SIZE: CallSize = {
  inputTokens: 0,
  inputBound: 0,
  outputLimit: 0,
  isNewWord: false,
  choices: 1,
  isOneText: true,
};

/** What stands under a key, in other letters too: Go's decoder takes `N` for `n`, and the last of both counts for it. */
function numbersAt(call: CallerRequest, name: string): readonly number[] {
  const { scanned } = call;
  // `value` parses the whole body where it is first asked for.
  const keys = scanned === undefined ? Object.keys(call.value) : scanned.members.map(({ key }) => key);
  return [...new Set(keys)]
    .filter((key) => key.length === name.length && key.toUpperCase().toLowerCase() === name)
    .flatMap((key) => whole(scanned === undefined ? call.value[key] : scanned.read(key)) ?? []);
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
    ? Math.min(Math.ceil(value), MOST_OUTPUT_TOKENS)
    : undefined;
}
