import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Where a command says things: results on stdout, everything else on stderr; one JSON document instead with `--json`. */
export interface Output {
  readonly json: boolean;
  /** stdout is a terminal. */
  readonly interactive: boolean;
  /** A line for people; a terminal is given no control characters but our colours. Silent with `--json`. */
  line(text?: string): void;
  /** A model's text, without a line end: a terminal is never given its control characters. Silent with `--json`. */
  text(text: string): void;
  /** The result for programs; silent without `--json`. */
  result(value: unknown): void;
  /** Progress and remarks, on stderr; silent with `--json`. */
  note(text: string): void;
  error(text: string): void;
  /** Coloured where the stream is a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string;
  /** `style` for what goes to stderr. */
  errorStyle(style: Style, text: string): string;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export function createOutput({ json, stdout, stderr }: OutputOptions): Output {
  const interactive = stdout.isTTY;
  /** Lines hold names and messages of servers as well as ours. */
  const say = (stream: NodeJS.WriteStream, text: string): void => {
    stream.write(`${stream.isTTY ? withoutForeignControls(text) : text}\n`);
  };
  return {
    json,
    interactive,
    line(text = '') {
      if (!json) say(stdout, text);
    },
    text(text) {
      if (!json) stdout.write(interactive ? withoutControls(text) : text);
    },
    result(value) {
      if (json) stdout.write(`${toPrintableJson(value)}\n`);
    },
    note(text) {
      if (!json) say(stderr, text);
    },
    error(text) {
      say(stderr, text);
    },
    style: (style, text) => styleText(style, text, { stream: stdout }),
    errorStyle: (style, text) => styleText(style, text, { stream: stderr }),
  };
}

/** C0 and C1 controls other than tab and line feed: they move the cursor, set titles, write the clipboard. */
function withoutControls(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}/gu, '');
}

/** The same, but for the colours of `style`. */
function withoutForeignControls(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}(?:\[(?:[12]|22|3[1236]|39)m)?/gu, (found) =>
    found.startsWith('\u001b[') ? found : found.slice(1),
  );
}

/** JSON.stringify leaves DEL and the C1 controls as they are: a terminal may obey those. */
function toPrintableJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f]/g, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
