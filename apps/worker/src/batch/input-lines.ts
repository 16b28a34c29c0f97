/** One line of a batch's input that is not blank. */
export type InputLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly problem: 'too-long' | 'not-utf8' };

const NEWLINE = 0x0a;
const BOM = [0xef, 0xbb, 0xbf];

/** The lines of a file as it comes, counted from 1; of a line that is too long no more than `maxBytes` is ever held. */
export async function* inputLines(options: {
  readonly body: AsyncIterable<Uint8Array>;
  readonly maxBytes: number;
}): AsyncGenerator<InputLine, void, undefined> {
  const { body, maxBytes } = options;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pieces: Uint8Array[] = [];
  let size = 0;
  let line = 1;

  function end(): InputLine | undefined {
    const whole = Buffer.concat(pieces);
    const tooLong = size > maxBytes;
    const bytes = line === 1 && BOM.every((byte, index) => whole[index] === byte) ? whole.subarray(BOM.length) : whole;
    pieces = [];
    size = 0;
    if (tooLong) return { line, problem: 'too-long' };
    try {
      const text = decoder.decode(bytes).trim();
      return text === '' ? undefined : { line, text };
    } catch {
      return { line, problem: 'not-utf8' };
    }
  }

  function take(piece: Uint8Array): void {
    size += piece.length;
    if (size <= maxBytes) pieces.push(piece);
    else pieces = [];
  }

  for await (const chunk of body) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, at));
      const ended = end();
      if (ended !== undefined) yield ended;
      line += 1;
      start = at + 1;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (size === 0) return;
  const last = end();
  if (last !== undefined) yield last;
}
