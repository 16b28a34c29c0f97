import type { MoltbotError } from '@moltbot/contracts';

/** Models that have to be loaded before they can answer (those that this machine runs itself). By `provider:model`. */
export interface ModelLoader {
  /** Whether it can be called now; true for models that need no loading. */
  isReady(ref: string): boolean;
  /**
   * Waits for a load, and begins one where there is none. `later`: not within that time; loading goes on.
   * @throws the signal's reason
   */
  load(ref: string, options: { readonly withinMs: number; readonly signal: AbortSignal }): Promise<ModelLoadOutcome>;
}

export type ModelLoadOutcome =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'later'; readonly inMs: number }
  | { readonly outcome: 'failed'; readonly error: MoltbotError };
