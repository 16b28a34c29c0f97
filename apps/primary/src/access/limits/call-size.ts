import type { ChatRequest } from '@moltbot/contracts';
import type { CallerRequest } from '@moltbot/providers';

/** How large a call is, as far as its request tells. */
export interface CallSize {
  /** As it will probably be counted: characters / 4. */
  readonly inputTokens: number;
  /** As it can be counted at most. */
  readonly inputBound: number;
  /** What the caller lets the model write, all choices together; `undefined`: it does not say. */
  readonly outputLimit: number | undefined;
  readonly choices: number;
}

const BYTES_PER_TOKEN = 4;
/** An image by its address costs tokens that no byte of the request shows. Usual ones, and the most that most models count. */
const IMAGE_TOKENS = 1_000;
const LARGEST_IMAGE_TOKENS = 5_000;
/** What providers write into the prompt themselves once there are tools. */
const TOOL_PROMPT_TOKENS = 1_000;

/**
 * A token is a byte of text at least, in every tokenizer that falls back to bytes: so a request has no more tokens than bytes.
 * See docs/decisions/2026-11-22-budgets.md.
 */
export function chatSize(call: CallerRequest): CallSize {
  const { scanned } = call;
  const bytes = scanned === undefined ? call.bytes.length : scanned.body.length;
  const read = (key: string): unknown => (scanned === undefined ? call.value[key] : scanned.read(key));
  const { images, data } = imagesOf(call);
  const text = bytes - data;
  const tools = read('tools') === undefined ? 0 : TOOL_PROMPT_TOKENS;
  const limits = [whole(read('max_tokens')), whole(read('max_completion_tokens'))].filter(
    (limit) => limit !== undefined,
  );
  const choices = call.dialect === 'openai-chat' ? Math.max(1, whole(read('n')) ?? 1) : 1;
  return {
    inputTokens: Math.ceil(text / BYTES_PER_TOKEN) + images * IMAGE_TOKENS,
    inputBound: text + images * LARGEST_IMAGE_TOKENS + tools,
    outputLimit: limits.length === 0 ? undefined : Math.max(...limits) * choices,
    choices,
  };
}

/** Texts, or numbers of tokens, which take two bytes each at least. */
export function embeddingsSize(bytes: number): CallSize {
  return { inputTokens: Math.ceil(bytes / BYTES_PER_TOKEN), inputBound: bytes, outputLimit: 0, choices: 1 };
}

/** A count of tokens is a request, and else costs nothing. */
export const COUNT_SIZE: CallSize = { inputTokens: 0, inputBound: 0, outputLimit: 0, choices: 1 };

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY ? Math.ceil(value) : undefined;
}

/** Images of the request, and how many of its bytes are theirs. */
function imagesOf(call: CallerRequest): { readonly images: number; readonly data: number } {
  const none = { images: 0, data: 0 };
  const body = call.scanned === undefined ? call.bytes : call.scanned.body;
  if (!body.includes('image')) return none;
  let request: ChatRequest;
  try {
    request = call.request();
  } catch {
    // It can't be said in other words: whoever gets its bytes as they are will judge it.
    return none;
  }
  let images = 0;
  let data = 0;
  for (const { content } of request.messages) {
    for (const part of content) {
      if (part.type !== 'image') continue;
      images += 1;
      if (part.source.type === 'base64') data += part.source.data.length;
    }
  }
  return { images, data };
}
