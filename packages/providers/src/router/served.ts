import type { AttemptSummary, StreamPart, Usage } from '@moltbot/contracts';
import type { Model } from '../target.js';
import type { WholeAnswer } from '../wire.js';

/** Facts about who answered, for response headers and the ledger. */
export interface Served {
  readonly model: Model;
  /** Credential id, or `none`. */
  readonly credential: string;
  readonly attempts: readonly AttemptSummary[];
  /** First target asked → the one that answered, with the failure kind that moved us on; undefined where they are the same. */
  readonly fallback: { readonly from: string; readonly to: string; readonly reason: string } | undefined;
  /** Caller's fields the answering target couldn't take. */
  readonly dropped: readonly string[];
}

/** A whole answer, committed. */
export interface ServedAnswer extends Served {
  readonly answer: WholeAnswer;
  /** Whether `answer.bytes` are in the caller's dialect and may be passed as they are. */
  readonly sameDialect: boolean;
  /** As the provider reported it, else estimated. */
  readonly usage: Usage | undefined;
  readonly costMicros: number | undefined;
}

/** A stream whose first content is there: the answer is committed to `model`. */
export interface ServedStream extends Served {
  /** Whether frames carry bytes of the caller's dialect until the first segment change. */
  readonly sameDialect: boolean;
  /**
   * The answer, the first content included. Ends when the answer is complete.
   * @throws MoltbotError `stream_interrupted` (no rung of the rescue ladder worked), `deadline_exceeded`, `client_closed`
   */
  readonly frames: AsyncIterable<ServedFrame>;
  /** After the end: figures of the whole answer; failed attempts are not in them. */
  result(): StreamResult;
}

export interface ServedFrame {
  /**
   * Bytes to pass on as they are; undefined where `parts` must be said in the caller's dialect: translation, after a rescue, and
   * an end that the upstream did not say. Once undefined, it stays so to the end.
   */
  readonly bytes: Buffer | undefined;
  readonly parts: readonly StreamPart[];
  /** Set on the first frame that another model wrote: what follows continues the text so far. */
  readonly segment?:
    | {
        readonly model: Model;
        readonly rung: 'prefill' | 'continue' | 'anew';
        readonly reason: string;
        /** The text so far. */
        readonly shown: string;
        /** The text shown so far is void: this segment says the whole answer again. Only where `EngineCall.replaceable`. */
        readonly replaces: boolean;
      }
    | undefined;
}

export interface StreamResult {
  readonly usage: Usage | undefined;
  readonly costMicros: number | undefined;
  /** Who wrote which part of the text, in order; lengths in UTF-16 units. */
  readonly spans: readonly { readonly target: string; readonly length: number }[];
  readonly attempts: readonly AttemptSummary[];
  readonly outcome: 'complete' | 'rescued' | 'interrupted' | 'cancelled';
  /** The same, told apart: how another model went on, and how the stream broke where none could. */
  readonly end: 'complete' | 'joined' | 'replaced' | 'cut' | 'stalled' | 'cancelled';
}
