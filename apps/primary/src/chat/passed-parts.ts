import type { StreamPart } from '@moltbot/contracts';

/**
 * What a stream that went out as the upstream's own bytes has meant so far, as far as a writer that takes over needs it: which
 * blocks are open, not what they say. Of texts that follow one another only the first is kept, so that a long answer is not
 * held in memory twice.
 */
export class PassedParts {
  readonly #parts: StreamPart[] = [];
  /** Kind of the last kept part of each choice. */
  readonly #lastKinds: StreamPart['type'][] = [];

  get parts(): readonly StreamPart[] {
    return this.#parts;
  }

  add(parts: readonly StreamPart[]): void {
    for (const part of parts) {
      switch (part.type) {
        case 'text-delta':
        case 'reasoning-delta':
        case 'refusal-delta':
          if (part.text === '' || this.#lastKinds[part.choice] === part.type) continue;
          this.#lastKinds[part.choice] = part.type;
          break;
        case 'tool-call-start':
        case 'tool-call-delta':
        case 'reasoning-seal':
        case 'finish':
          this.#lastKinds[part.choice] = part.type;
          break;
        case 'start':
        case 'usage':
        case 'end':
          break;
      }
      this.#parts.push(part);
    }
  }
}
