import type { FinishReason, Usage } from './messages.js';

/**
 * What one event of an upstream stream says, in our words. `choice` is 0 except where a caller of OpenAI's chat dialect
 * asked for several. An error event is no part: it is thrown.
 */
export type StreamPart =
  | { readonly type: 'start'; readonly id?: string | undefined; readonly model?: string | undefined }
  | { readonly type: 'text-delta'; readonly choice: number; readonly text: string }
  | { readonly type: 'reasoning-delta'; readonly choice: number; readonly text: string }
  /** Closes a piece of reasoning: the vendor's seal over it, or an encrypted piece as a whole. */
  | {
      readonly type: 'reasoning-seal';
      readonly choice: number;
      readonly signature?: string | undefined;
      readonly redacted?: string | undefined;
    }
  | { readonly type: 'refusal-delta'; readonly choice: number; readonly text: string }
  /** `index` numbers the calls of one answer from 0; deltas of parallel calls may interleave. */
  | {
      readonly type: 'tool-call-start';
      readonly choice: number;
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly signature?: string | undefined;
    }
  | { readonly type: 'tool-call-delta'; readonly choice: number; readonly index: number; readonly arguments: string }
  | { readonly type: 'finish'; readonly choice: number; readonly reason: FinishReason }
  | { readonly type: 'usage'; readonly usage: Usage }
  /** The dialect's own end marker: `[DONE]`, `message_stop`, `response.completed`. */
  | { readonly type: 'end' };

/** Whether the part is content: the first such part commits the answer to its model. */
export function isContent(part: StreamPart): boolean {
  switch (part.type) {
    case 'text-delta':
    case 'reasoning-delta':
    case 'refusal-delta':
      return part.text !== '';
    case 'tool-call-start':
    case 'tool-call-delta':
    case 'reasoning-seal':
      return true;
    case 'start':
    case 'finish':
    case 'usage':
    case 'end':
      return false;
  }
}
