/** One message ready to be sent. */
export interface Frame {
  readonly text: string;
  readonly bytes: number;
}

/** First in, first out, with its sum of bytes. Frames that come back are the first again. */
export class FrameQueue {
  #frames: Frame[] = [];
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#frames.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
  }

  shift(): Frame | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= frame.bytes;
    // Taken ones are let go now and then: moving the rest each time would cost more than sending it.
    if (this.#head === this.#frames.length || this.#head >= 1_024) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return frame;
  }

  /** All of it, which is then empty. */
  takeAll(): readonly Frame[] {
    const frames = this.#frames.slice(this.#head);
    this.#frames = [];
    this.#head = 0;
    this.#bytes = 0;
    return frames;
  }

  /** In front of all others, in this order. */
  putBack(frames: readonly Frame[]): void {
    if (frames.length === 0) return;
    this.#frames = [...frames, ...this.#frames.slice(this.#head)];
    this.#head = 0;
    for (const { bytes } of frames) this.#bytes += bytes;
  }
}
