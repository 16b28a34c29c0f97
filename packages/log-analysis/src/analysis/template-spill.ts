import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Template } from '../miner/template.js';

const BUFFERED = 65_536;

/**
 * Which template each input line went to, four bytes a line in a temporary file, so that the final templates, after all merges,
 * can be written for any number of lines. The file is in a folder of its own (mode 0700), and gone at once where the system allows it, else on `close`.
 */
export class TemplateSpill {
  readonly #folder: string;
  readonly #file: number;
  readonly #buffer = new Uint32Array(BUFFERED);
  #buffered = 0;
  #parents = new Uint32Array(4_096);
  lines = 0;

  constructor(options: { readonly folder?: string } = {}) {
    this.#folder = mkdtempSync(join(options.folder ?? tmpdir(), 'moltbot-logs-'));
    this.#file = openSync(join(this.#folder, 'lines'), 'w+', 0o600);
    // Where files may go while they are open, no kill leaves it behind.
    if (process.platform !== 'win32') this.#remove();
  }

  /** @param serial of the template; 0 for a line without one */
  add(serial: number): void {
    this.#buffer[this.#buffered++] = serial;
    this.lines += 1;
    if (this.#buffered === BUFFERED) this.#flush();
  }

  merged(from: Template, into: Template): void {
    if (from.serial >= this.#parents.length) {
      const grown = new Uint32Array(Math.max(this.#parents.length * 2, from.serial + 1));
      grown.set(this.#parents);
      this.#parents = grown;
    }
    this.#parents[from.serial] = into.serial;
  }

  #flush(): void {
    writeSync(this.#file, new Uint8Array(this.#buffer.buffer, 0, this.#buffered * 4));
    this.#buffered = 0;
  }

  /** The final serial of each line, in order. */
  *serials(): Generator<number> {
    this.#flush();
    const bytes = new Uint8Array(BUFFERED * 4);
    let position = 0;
    for (;;) {
      const read = readSync(this.#file, bytes, 0, bytes.length, position);
      if (read === 0) return;
      position += read;
      const serials = new Uint32Array(bytes.buffer, 0, read >> 2);
      for (let serial of serials) {
        while (serial < this.#parents.length && this.#parents[serial] !== 0) serial = this.#parents[serial] as number;
        yield serial;
      }
    }
  }

  close(): void {
    closeSync(this.#file);
    this.#remove();
  }

  #remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
