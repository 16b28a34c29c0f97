/**
 * Bytes in the pieces in which they came. They are only joined for whoever needs them in one: buffers live outside the heap,
 * and what is allocated there makes V8 collect the whole of it, 50 ms for every 64 MB.
 */
export class ByteRope {
  readonly length: number;
  #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
    this.length = pieces.reduce((length, piece) => length + piece.length, 0);
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  /** All of them in one; joined at the first use. */
  get bytes(): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const joined = Buffer.concat(this.#pieces, this.length);
    this.#pieces = [joined];
    return joined;
  }

  /** The bytes from one position to another, as views. */
  slice(from: number, to: number): readonly Buffer[] {
    const views: Buffer[] = [];
    let start = 0;
    for (const piece of this.#pieces) {
      if (start >= to) break;
      const end = start + piece.length;
      if (end > from) views.push(piece.subarray(Math.max(0, from - start), to - start));
      start = end;
    }
    return views;
  }

  text(from: number, to: number): string {
    const views = this.slice(from, to);
    return (views.length === 1 ? views[0] : Buffer.concat(views))?.toString('utf8') ?? '';
  }

  copyTo(target: Uint8Array, at: number): void {
    let position = at;
    for (const piece of this.#pieces) {
      target.set(piece, position);
      position += piece.length;
    }
  }

  /** @returns the position of the first such byte, -1 where there is none */
  indexOf(byte: number): number {
    let start = 0;
    for (const piece of this.#pieces) {
      const index = piece.indexOf(byte);
      if (index !== -1) return start + index;
      start += piece.length;
    }
    return -1;
  }

  /** Whether the bytes of a short word are in it, also across the ends of pieces. */
  includes(word: string): boolean {
    const overlap = Buffer.byteLength(word) - 1;
    let tail: Buffer = Buffer.alloc(0);
    for (const piece of this.#pieces) {
      if (piece.includes(word)) return true;
      const seam = Buffer.concat([tail, piece.subarray(0, overlap)]);
      if (seam.includes(word)) return true;
      tail = Buffer.concat([tail, piece.subarray(-overlap)]).subarray(-overlap);
    }
    return false;
  }
}
