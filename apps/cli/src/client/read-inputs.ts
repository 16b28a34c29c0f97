import type { Interface } from 'node:readline';

/** Lines that come closer together than this were pasted: nobody types so fast. */
const PASTE_GAP_MS = 25;

/**
 * What a person enters, as an async iterable of texts: a line, several lines that were pasted at once, or lines that end in a
 * backslash together with the next. From a pipe (`pasting: false`) each line stands alone. Ends when the terminal closes.
 */
export async function* readInputs(options: {
  readonly terminal: Interface;
  readonly pasting: boolean;
}): AsyncGenerator<string, void> {
  const { terminal, pasting } = options;
  const ready: string[] = [];
  let group: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let wake: () => void = () => {};

  const settle = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (group.length > 0) ready.push(...toInputs(group, pasting));
    group = [];
    wake();
  };
  terminal.on('line', (line) => {
    group.push(line);
    clearTimeout(timer);
    if (line.endsWith('\\')) return;
    if (pasting) timer = setTimeout(settle, PASTE_GAP_MS);
    else settle();
  });
  terminal.once('close', () => {
    closed = true;
    settle();
  });

  for (;;) {
    const next = ready.shift();
    if (next !== undefined) {
      yield next;
    } else if (closed) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

/** A group of lines as texts: commands stand alone. */
function toInputs(lines: readonly string[], pasting: boolean): string[] {
  const texts = lines.join('\n').replaceAll('\\\n', '\n').replace(/\\$/, '');
  if (!pasting || !lines.some((line) => line.startsWith('/'))) return [texts];
  return texts.split('\n');
}
