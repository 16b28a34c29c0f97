import type { ChatRequest, Dialect } from '@moltbot/contracts';

/** A JSON object as it came, not looked into. */
export type JsonObject = { readonly [key: string]: unknown };

/**
 * A caller's chat request, kept as bytes and read once. Where caller and target speak the same dialect the bytes go through
 * with only the fields that are ours rewritten; `request()` is only called where words must be translated.
 */
export interface CallerRequest {
  readonly requestId: string;
  readonly dialect: Dialect;
  /** The body as it came: valid UTF-8, one valid JSON object. */
  readonly bytes: Buffer;
  /** The parsed body. */
  readonly value: JsonObject;
  readonly stream: boolean;
  /** Whether the caller wants token counts at the end of a stream (always true outside `openai-chat`). */
  readonly wantsStreamUsage: boolean;
  /** Estimated input tokens (bytes / 4): for choosing a model with room only. */
  readonly estimatedInputTokens: number;
  /**
   * The request in our words; computed once, then kept.
   * @throws MoltbotError `invalid_request` with the path of the field at fault
   */
  request(): ChatRequest;
}
