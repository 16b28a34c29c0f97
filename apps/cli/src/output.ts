import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Where a command says things: results on stdout, everything else on stderr; one JSON document instead with `--json`. */
export interface Output {
  readonly json: boolean;
  /** stdout is a terminal. */
  readonly interactive: boolean;
  /** A line for people; silent with `--json`. */
  line(text?: string): void;
  /** Text without a line end, for people. */
  text(text: string): void;
  /** The result for programs; silent without `--json`. */
  result(value: unknown): void;
  /** Progress and remarks, on stderr; silent with `--json`. */
  note(text: string): void;
  error(text: string): void;
  style(style: Style, text: string): string;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export function createOutput({ json, stdout, stderr }: OutputOptions): Output {
  return {
    json,
    interactive: stdout.isTTY === true,
    line(text = '') {
      if (!json) stdout.write(`${text}\n`);
    },
    text(text) {
      if (!json) stdout.write(text);
    },
    result(value) {
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
    note(text) {
      if (!json) stderr.write(`${text}\n`);
    },
    error(text) {
      stderr.write(`${text}\n`);
    },
    // Honours NO_COLOR and FORCE_COLOR, and writes plain text where the stream is no terminal.
    style: (style, text) => styleText(style, text, { stream: stdout }),
  };
}
