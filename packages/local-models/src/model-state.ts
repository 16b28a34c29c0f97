import type { MoltbotError } from '@moltbot/contracts';

/** How far a local model is. Times are milliseconds. */
export type LoadState =
  | { readonly state: 'cold' }
  /** `forMs`: since when; `expectedMs`: how long the last load took. */
  | { readonly state: 'loading'; readonly forMs: number; readonly expectedMs: number | undefined }
  /** `rss`: bytes of memory of its process. */
  | { readonly state: 'warm'; readonly loadMs: number; readonly rss: number }
  | { readonly state: 'failed'; readonly error: MoltbotError; readonly retryInMs: number };

/** Why a model that was warm is not any more. */
export type UnloadReason = 'idle' | 'memory' | 'changed' | 'closed';

/** What happens with local models; `model` is `local:NAME`. */
export type LocalModelEvent =
  | { readonly type: 'loading'; readonly model: string }
  | { readonly type: 'warm'; readonly model: string; readonly loadMs: number; readonly rss: number }
  | { readonly type: 'failed'; readonly model: string; readonly error: MoltbotError; readonly retryInMs: number }
  | { readonly type: 'unloaded'; readonly model: string; readonly reason: UnloadReason }
  /** Its process ended by itself. `stderr`: its last words, for the log. */
  | { readonly type: 'crashed'; readonly model: string; readonly exit: string; readonly stderr: string };
