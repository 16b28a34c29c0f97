import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const LINES = 1_000;
/** The file is cut back when it has this many lines. */
const MAX_LINES = 2 * LINES;

/** What was typed in sessions, one entry a line, readable by its owner only. A file that can't be used costs the history, no session. */
export class ChatHistory {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** Newest first, as readline takes them. */
  async load(): Promise<string[]> {
    try {
      this.#lines = (await readFile(this.#file, 'utf8')).split('\n').filter((line) => line !== '');
      // A file made by hand or by an old umask.
      await chmod(this.#file, 0o600);
      if (this.#lines.length > MAX_LINES) {
        this.#lines = this.#lines.slice(-LINES);
        await writeFile(this.#file, `${this.#lines.join('\n')}\n`, { mode: 0o600 });
      }
    } catch {
      // None yet, or not ours to read.
    }
    return this.#lines.slice(-LINES).reverse();
  }

  /** A text of many lines becomes one. */
  async add(text: string): Promise<void> {
    const line = text
      .split('\n')
      .map((piece) => piece.trim())
      .filter((piece) => piece !== '')
      .join(' ');
    try {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      await appendFile(this.#file, `${line}\n`, { mode: 0o600 });
    } catch {
      // Nothing to do about it.
    }
  }
}
