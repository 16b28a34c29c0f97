/** What the engine's process is told and what it reports, one message each over Node's channel between processes. */

export interface LoadOrder {
  readonly type: 'load';
  readonly file: string;
  /** Tokens of one conversation. */
  readonly context: number;
  readonly parallel: number;
  readonly gpu: 'off' | 'auto' | 'metal' | 'cuda' | 'vulkan';
  readonly threads: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly text: string;
}

/** What is asked of a loaded model; a last message of the assistant is continued. */
export interface ChatOrder {
  readonly messages: readonly ChatMessage[];
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly topK: number | undefined;
  readonly minP: number | undefined;
  readonly seed: number | undefined;
  readonly repeatPenalty: number | undefined;
  readonly stop: readonly string[];
  /** `json`: any JSON; else a JSON schema that the answer must fit. */
  readonly format: 'text' | 'json' | { readonly schema: object };
}

export type EngineOrder =
  | LoadOrder
  | ({ readonly type: 'chat'; readonly id: number } & ChatOrder)
  | { readonly type: 'cancel'; readonly id: number };

export type ChatEnd = 'stop' | 'length' | 'cancelled';

export type EngineReport =
  | { readonly type: 'loaded'; readonly rss: number }
  /** `missing`: the library or its binary for this machine is not installed. */
  | { readonly type: 'load-failed'; readonly reason: 'missing' | 'failed'; readonly message: string }
  | { readonly type: 'text'; readonly id: number; readonly text: string; readonly reasoning: boolean }
  | {
      readonly type: 'ended';
      readonly id: number;
      readonly end: ChatEnd;
      readonly inputTokens: number;
      readonly outputTokens: number;
    }
  | {
      readonly type: 'refused';
      readonly id: number;
      readonly code: 'context_length_exceeded' | 'invalid_request' | 'upstream_error';
      readonly message: string;
    }
  /** Bytes of memory, every few seconds. */
  | { readonly type: 'stats'; readonly rss: number };
