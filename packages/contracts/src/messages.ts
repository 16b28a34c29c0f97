/**
 * A chat request in our own words: what the dialects are translated to and from. Shapes are the union of what OpenAI chat
 * completions, OpenAI responses, Anthropic messages and Gemini can say; a target that can't take a part reports it as dropped.
 */

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ImagePart {
  readonly type: 'image';
  readonly source:
    | { readonly type: 'url'; readonly url: string }
    | { readonly type: 'base64'; readonly mediaType: string; readonly data: string };
  readonly detail?: 'auto' | 'low' | 'high' | undefined;
}

/** What the model thought before it spoke. `signature` is the vendor's own seal, only valid at that vendor. */
export interface ReasoningPart {
  readonly type: 'reasoning';
  readonly text: string;
  readonly signature?: string | undefined;
  /** Encrypted reasoning (Anthropic `redacted_thinking`, OpenAI `encrypted_content`). */
  readonly redacted?: string | undefined;
}

export interface ToolCallPart {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  /** JSON text as the model wrote it; not always valid JSON. */
  readonly arguments: string;
  /** Gemini's `thoughtSignature`, only valid there. */
  readonly signature?: string | undefined;
}

export interface RefusalPart {
  readonly type: 'refusal';
  readonly text: string;
}

export interface SystemMessage {
  readonly role: 'system';
  readonly content: readonly TextPart[];
}

export interface UserMessage {
  readonly role: 'user';
  readonly content: readonly (TextPart | ImagePart)[];
}

export interface AssistantMessage {
  readonly role: 'assistant';
  readonly content: readonly (TextPart | ReasoningPart | ToolCallPart | RefusalPart)[];
}

export interface ToolMessage {
  readonly role: 'tool';
  readonly toolCallId: string;
  readonly content: readonly (TextPart | ImagePart)[];
  readonly isError?: boolean | undefined;
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** A JSON value as it came, not looked into. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface ToolDefinition {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. */
  readonly parameters?: Json | undefined;
  readonly strict?: boolean | undefined;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string };

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'json-schema';
      readonly name: string;
      readonly schema: Json;
      readonly description?: string | undefined;
      readonly strict?: boolean | undefined;
    };

/** OpenAI's words; a budget in tokens where the vendor counts (Anthropic, Gemini). Empty: think, as much as the model likes. */
export interface ReasoningOptions {
  readonly effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max' | undefined;
  readonly budgetTokens?: number | undefined;
  /** How much of its thoughts the caller wants to see, where the API sums them up (OpenAI responses). */
  readonly summary?: 'auto' | 'concise' | 'detailed' | undefined;
}

export interface ChatRequest {
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[] | undefined;
  readonly toolChoice?: ToolChoice | undefined;
  readonly parallelToolCalls?: boolean | undefined;
  readonly responseFormat?: ResponseFormat | undefined;
  readonly reasoning?: ReasoningOptions | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  /** Number of choices; only OpenAI's chat dialect gives more than one. */
  readonly choices?: number | undefined;
  /** The end user's id, for the vendor's abuse detection. */
  readonly user?: string | undefined;
  readonly metadata?: { readonly [key: string]: string } | undefined;
  /** Names of top-level fields of the caller's dialect that have no word here: reported as dropped where translation is needed. */
  readonly unknownFields: readonly string[];
}

export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'refusal' | 'other';

/**
 * Token counts. `inputTokens` holds cached and cache-write tokens too, `outputTokens` holds reasoning tokens (OpenAI's
 * convention; Anthropic's figures are converted).
 */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  /** Who counted: the provider, or we (characters / 4), where it reported nothing. */
  readonly source: 'provider' | 'estimated';
}

/** A whole answer in our words. */
export interface ChatAnswer {
  readonly id?: string | undefined;
  /** The model as the provider names it in its answer. */
  readonly model?: string | undefined;
  readonly content: AssistantMessage['content'];
  readonly finishReason: FinishReason;
  readonly usage?: Usage | undefined;
}
