import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createOutput } from './output.js';

function make(options: { readonly json?: boolean; readonly terminal?: boolean }) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: options.terminal ?? false }) as unknown;
  const stdout = stream() as NodeJS.WriteStream & PassThrough;
  const stderr = stream() as NodeJS.WriteStream & PassThrough;
  const output = createOutput({ json: options.json ?? false, stdout, stderr });
  return {
    output,
    said: () => ({ stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }),
  };
}

describe('what a command says', () => {
  it('is text on stdout and remarks on stderr', () => {
    const { output, said } = make({});
    output.line('result');
    output.note('remark');
    output.result({ never: 'seen' });
    expect(said()).toEqual({ stdout: 'result\n', stderr: 'remark\n' });
  });

  it('is one JSON document with --json, and errors still on stderr', () => {
    const { output, said } = make({ json: true });
    output.line('result');
    output.text('text');
    output.note('remark');
    output.result({ a: 1 });
    output.error('wrong');
    expect(said()).toEqual({ stdout: '{"a":1}\n', stderr: 'wrong\n' });
  });

  it('gives a terminal no control characters of a model, and a file its exact text', () => {
    const wild = 'a\u001b]0;title\u0007b\u009b31mc\td\ne\r';
    const terminal = make({ terminal: true });
    terminal.output.text(wild);
    expect(terminal.said().stdout).toBe('a]0;titleb31mc\td\ne');
    const file = make({});
    file.output.text(wild);
    expect(file.said().stdout).toBe(wild);
  });

  it('gives a terminal no control characters in names and errors of servers, and keeps its own colours', () => {
    const { output, said } = make({ terminal: true });
    const name = 'llama\u001b]52;c;bWFs\u0007\u001b[2J\u009b31m\rx';
    output.line(`\u001b[32mready\u001b[39m  ${name}`);
    output.note(name);
    output.error(`\u001b[31m${name}\u001b[39m`);
    const harmless = 'llama]52;c;bWFs[2J31mx';
    expect(said()).toEqual({
      stdout: `\u001b[32mready\u001b[39m  ${harmless}\n`,
      stderr: `${harmless}\n\u001b[31m${harmless}\u001b[39m\n`,
    });
  });

  it('is JSON without raw control characters, of the second set too', () => {
    const { output, said } = make({ json: true, terminal: true });
    const value = { name: 'a\u009b31m\u007f\u0090b' };
    output.result(value);
    const { stdout } = said();
    expect(stdout).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(JSON.parse(stdout)).toEqual(value);
  });

  it('has no colours where it goes to a file', () => {
    const { output } = make({});
    expect([output.style('red', 'x'), output.errorStyle('red', 'x')]).toEqual(['x', 'x']);
  });
});
