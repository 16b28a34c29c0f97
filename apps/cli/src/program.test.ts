import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from './command-table.js';
import type { CommandOptions } from './context.js';
import { explainError } from './explain-error.js';
import { messagesFor } from './messages/messages.js';
import { createProgram } from './program.js';

const english = messagesFor({ locale: 'en', command: 'moltbot' });
const chinese = messagesFor({ locale: 'zh', command: 'moltbot' });

async function parse(words: readonly string[], messages = english) {
  const stdout = new PassThrough();
  const calls: { name: string; args: readonly unknown[]; options: CommandOptions }[] = [];
  const program = createProgram({
    messages,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
    run: async (row, args, options) => {
      calls.push({ name: row.name, args, options });
    },
  });
  let error: unknown;
  try {
    await program.parseAsync([...words], { from: 'user' });
  } catch (caught) {
    error = caught;
  }
  return { calls, error, stdout: String(stdout.read() ?? '') };
}

describe('the command line', () => {
  it('calls the command with its arguments and options', async () => {
    const { calls } = await parse(['keys', 'create', 'laptop', '--scopes', 'chat', '--json']);
    expect(calls).toEqual([{ name: 'keys create', args: ['laptop'], options: { scopes: 'chat', json: true } }]);
    expect((await parse(['chat', 'two', 'words', '-m', 'x'])).calls[0]).toMatchObject({
      args: ['two', 'words'],
      options: { model: 'x' },
    });
    expect((await parse(['start', '--no-worker'])).calls[0]?.options).toEqual({ worker: false });
    expect((await parse(['chat', '--', '--json'])).calls[0]?.args).toEqual(['--json']);
  });

  it.each([
    [['statsu'], 'There is no command `statsu`. Did you mean `status`?', '没有命令 `statsu`。 是否想用 `status`？'],
    [['keys', 'lst'], 'There is no command `lst`. Did you mean `list`?', '没有命令 `lst`。 是否想用 `list`？'],
    [['frobnicate'], 'There is no command `frobnicate`.', '没有命令 `frobnicate`。'],
    [
      ['start', '--prot', '1'],
      'There is no option `--prot`. Did you mean `--port`?',
      '没有选项 `--prot`。 是否想用 `--port`？',
    ],
    [['keys', 'create'], '`name` is missing.', '缺少 `name`。'],
    [['start', '--port'], '`--port <number>` needs a value.', '`--port <number>` 需要一个值。'],
    [['status', 'a: b', 'c'], 'There is more than this command takes: `a: b, c`.', '多余的参数：`a: b, c`。'],
  ])('explains %j in both languages', async (words, inEnglish, inChinese) => {
    const { error } = await parse(words);
    expect(explainError(error, english)).toMatchObject({ exit: 'usage', code: 'usage', message: inEnglish });
    expect(explainError(error, chinese).message).toBe(inChinese);
  });

  it.each([
    [['frobnicate'], 'moltbot --help'],
    [['config', 'check'], 'moltbot config --help'],
    [['logs', 'analyze'], 'moltbot logs analyze --help'],
  ])('names the help that belongs to %j', async (words, help) => {
    const { error } = await parse(words);
    expect(explainError(error, english).action).toBe(`See: ${help}`);
    expect(explainError(error, chinese).action).toBe(`参见：${help}`);
  });

  it('has help for every command in both languages', async () => {
    for (const { name, key } of COMMANDS) {
      const inEnglish = await parse([...name.split(' '), '--help']);
      expect(inEnglish.stdout).toContain('--json');
      expect(inEnglish.stdout).toContain(english.commands[key].slice(0, 20));
      const inChinese = await parse([...name.split(' '), '--help'], chinese);
      expect(inChinese.stdout).toContain('选项：');
      expect(inChinese.stdout).not.toMatch(/Options:|Usage:|Arguments:|display help/);
    }
  });
});
