import type { StreamPart } from '@moltbot/contracts';

interface Last {
  readonly type: StreamPart['type'];
  /** Whether it was a text that is not empty. */
  readonly spoke: boolean;
}

/** Characters of tool arguments that are kept: beyond them a writer that takes over could only end the answer anyway. */
const MOST_ARGUMENTS = 4_194_304;

/**
 * What a stream that went out as the upstream's own bytes has meant so far, as far as a writer that takes over needs it: which
 * blocks are open, not what they say. Of texts that follow one another only the first is kept, so that a long answer is not
 * held in memory twice.
 */
export class PassedParts {
  readonly #parts: StreamPart[] = [];
  /** The last kept part of each choice. */
  readonly #last: Last[] = [];
  #arguments = 0;

  get parts(): readonly StreamPart[] {
    return this.#parts;
  }

  add(parts: readonly StreamPart[]): void {
    for (const part of parts) {
      if (part.type === 'tool-call-delta') {
        this.#arguments += part.arguments.length;
        if (this.#arguments > MOST_ARGUMENTS) continue;
      }
      if ('choice' in part) {
        const { type, choice } = part;
        const spoke = 'text' in part && part.text !== '';
        const last = this.#last[choice];
        if ('text' in part && last?.type === type && (last.spoke || !spoke)) continue;
        this.#last[choice] = { type, spoke };
      }
      this.#parts.push(part);
    }
  }
}
