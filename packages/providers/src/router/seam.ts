import type { StreamPart } from '@moltbot/contracts';
import { createReplayJoiner } from '../join.js';
import { createContinuationJoiner, type Joiner } from './continuation-joiner.js';

/** Fits the parts of a model that goes on with a broken answer to what was shown already. */
export interface Seam {
  /** What the caller gets of these parts. */
  take(parts: readonly StreamPart[]): readonly StreamPart[];
  /** What was held back to the end. */
  end(): readonly StreamPart[];
  /** The new answer is another one than what was shown; nothing of it has been given out. */
  readonly diverged: boolean;
}

export interface SeamOptions {
  readonly rung: 'prefill' | 'continue' | 'anew';
  readonly shown: string;
  /** The new answer replaces what was shown. */
  readonly replaces: boolean;
}

export function createSeam({ rung, shown, replaces }: SeamOptions): Seam {
  if (shown === '' || replaces) return new PartSeam(AS_IT_IS);
  return new PartSeam(rung === 'anew' ? replayJoiner(shown) : createContinuationJoiner(shown));
}

const AS_IT_IS: Joiner = { push: (text) => text, end: () => '', diverged: false };

function replayJoiner(shown: string): Joiner {
  const joiner = createReplayJoiner({ shown });
  let diverged = false;
  const note = (joined: { readonly text: string; readonly diverged: boolean }): string => {
    if (joined.diverged) diverged = true;
    return joined.text;
  };
  return {
    push: (text) => note(joiner.push(text)),
    end: () => note(joiner.end()),
    get diverged() {
      return diverged;
    },
  };
}

class PartSeam implements Seam {
  readonly #joiner: Joiner;
  /** After the first content that is no text nothing is held back any more. */
  #flushed = false;

  constructor(joiner: Joiner) {
    this.#joiner = joiner;
  }

  get diverged(): boolean {
    return this.#joiner.diverged;
  }

  take(parts: readonly StreamPart[]): readonly StreamPart[] {
    const out: StreamPart[] = [];
    for (const part of parts) {
      switch (part.type) {
        case 'text-delta':
          if (part.choice === 0) pushText(out, this.#flushed ? part.text : this.#joiner.push(part.text));
          break;
        case 'refusal-delta':
        case 'tool-call-start':
        case 'tool-call-delta':
        case 'finish':
          if (part.choice !== 0) break;
          this.#flush(out);
          out.push(part);
          break;
        // The caller's stream has begun already; what this model thought is not part of the other's answer; usage and end are
        // said once, for all who wrote it.
        case 'start':
        case 'reasoning-delta':
        case 'reasoning-seal':
        case 'usage':
        case 'end':
          break;
      }
    }
    // What was said by a diverging answer must not be seen.
    return this.diverged ? [] : out;
  }

  end(): readonly StreamPart[] {
    const out: StreamPart[] = [];
    this.#flush(out);
    return this.diverged ? [] : out;
  }

  #flush(out: StreamPart[]): void {
    if (this.#flushed) return;
    this.#flushed = true;
    pushText(out, this.#joiner.end());
  }
}

function pushText(out: StreamPart[], text: string): void {
  if (text !== '') out.push({ type: 'text-delta', choice: 0, text });
}
