import type { DoorError, ServedFrame, StreamWriter } from '@moltbot/providers';
import { PassedParts } from './passed-parts.js';

/** Whose words go out: the upstream's bytes at first, our writer's from the first frame that has none. */
export class Voice {
  #writer: StreamWriter | undefined;
  readonly #createWriter: () => StreamWriter;
  /** Of the raw bytes; the writer needs it only if it has to take over. */
  readonly #passed = new PassedParts();
  #ended = false;

  constructor(options: { readonly raw: boolean; readonly createWriter: () => StreamWriter }) {
    this.#createWriter = options.createWriter;
    if (!options.raw) this.#writer = options.createWriter();
  }

  say({ bytes, parts, segment }: ServedFrame): Buffer | string {
    if (this.#writer === undefined && bytes !== undefined) {
      this.#passed.add(parts);
      if (parts.length > 0 && parts[parts.length - 1]?.type === 'end') this.#ended = true;
      return bytes;
    }
    const writer = this.#writerNow(segment?.shown);
    const turn = segment && writer.segment?.({ model: segment.model.ref, replaces: segment.replaces });
    return (turn ?? '') + writer.write(parts);
  }

  /** What is still to be said after a good end. */
  rest(): string {
    return this.#writer === undefined && this.#ended ? '' : this.#writerNow().end();
  }

  error(error: DoorError): string {
    return this.#writerNow().error(error);
  }

  /** @param shown what went out, where another model goes on with it */
  #writerNow(shown?: string): StreamWriter {
    if (this.#writer === undefined) {
      this.#writer = this.#createWriter();
      const { parts } = this.#passed;
      const start = parts.find((part) => part.type === 'start');
      this.#writer.resume(parts, { id: start?.id, model: start?.model, shown });
    }
    return this.#writer;
  }
}
