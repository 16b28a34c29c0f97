import type { StreamPart } from '@moltbot/contracts';

export type BlockKind = 'text' | 'thinking' | 'tool' | 'other';

/**
 * Where an Anthropic stream stands whose bytes are passed as they are. Parts say nothing of blocks that have no word in ours
 * (server tools) nor of blocks' ends, and a writer that goes on has to know both.
 */
export interface BlockPosition {
  /** Index of the next block. */
  next: number;
  open: { readonly index: number; readonly kind: BlockKind } | undefined;
  /** `message_delta` with a stop reason. */
  finished: boolean;
  /** `message_stop`. */
  ended: boolean;
}

/** Keyed by the stream's `start` part, which is what a writer is given of the stream. */
const POSITIONS = new WeakMap<StreamPart, BlockPosition>();

export function rememberPosition(start: StreamPart, position: BlockPosition): void {
  POSITIONS.set(start, position);
}

/** The reader's position as it is now; `undefined` where the parts don't come from a reader of this dialect. */
export function positionOf(parts: readonly StreamPart[]): BlockPosition | undefined {
  for (const part of parts) {
    if (part.type === 'start') {
      const position = POSITIONS.get(part);
      if (position !== undefined) return position;
    }
  }
  return undefined;
}
