import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settingsSchema } from '@moltbot/config';
import { createObjectAccess, type ObjectAccess, type ObjectStore } from '@moltbot/storage';
import { buildDataSet, type BuildDataSet } from './build-data-set.js';

const signal = new AbortController().signal;
const chat = (text: string, values: object = {}) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: text },
      { role: 'assistant', content: 'Yes.' },
    ],
    ...values,
  });
const many = (count: number, values: object = {}) =>
  Array.from({ length: count }, (_, index) => chat(`question ${index}`, values));

describe('buildDataSet', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moltbot-data-set-'));
  let access: ObjectAccess;
  let objects: ObjectStore;

  beforeAll(async () => {
    access = createObjectAccess({ settings: settingsSchema.parse({}), paths: { dataDirectory: folder } });
    objects = await access.open();
  });

  afterAll(async () => {
    await access?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function build(input: string | AsyncIterable<Uint8Array>, options: Partial<BuildDataSet> = {}) {
    const body =
      typeof input === 'string'
        ? (async function* one() {
            yield Buffer.from(input);
          })()
        : input;
    await objects.put({ key: 'in', body, maxBytes: 1e9 });
    await objects.delete('out');
    const base = { objects, from: 'in', to: 'out', kind: 'training', form: 'supervised' } as const;
    return buildDataSet({ ...base, minRating: undefined, maxLineBytes: 100_000, signal, ...options });
  }

  async function stored(): Promise<readonly string[] | undefined> {
    const found = await objects.get({ key: 'out' });
    if (found === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of found.body) chunks.push(chunk);
    return Buffer.concat(chunks).toString().split('\n').slice(0, -1);
  }

  it('stores what is to be sent, and counts it', async () => {
    const lines = [...many(11, { at: 'now' }), chat('question 0')];
    const report = await build(lines.join('\r\n'));
    const sent = (await stored()) ?? [];
    expect(sent).toEqual([...many(11), chat('question 0')]);
    expect(report).toEqual({
      lines: 12,
      examples: 12,
      belowRating: 0,
      duplicates: 1,
      messages: 24,
      tokens: 12 * (4 + 3 + 4 + 1),
      longestTokens: 12,
      fieldsLeftOut: 11,
      bytes: Buffer.byteLength(`${sent.join('\n')}\n`),
    });
  });

  it('takes of rated conversations each once that is good enough', async () => {
    const lines = [...many(12, { rating: 5 }), ...many(3, { score: 5 }), chat('poor', { rating: 2 })];
    const report = await build(lines.join('\n'), { minRating: 4 });
    expect(report).toMatchObject({ lines: 16, examples: 12, duplicates: 3, belowRating: 1 });
    expect(await stored()).toEqual(many(12));
  });

  it('says what is too few, and stores nothing', async () => {
    await expect(build(many(9).join('\n'))).rejects.toMatchObject({
      code: 'too_few_examples',
      message: 'The training file has 9 examples; expected at least 10.',
    });
    await expect(
      build([...many(9, { rating: 5 }), chat('x', { rating: 1 })].join('\n'), { minRating: 2 }),
    ).rejects.toThrow('The training file has 9 examples (1 are rated below 2); expected at least 10.');
    expect(await stored()).toBeUndefined();
    expect(await build(chat('x'), { kind: 'validation' })).toMatchObject({ examples: 1 });
  });

  it('names the lines that are wrong, also those that are too long or no text, and stores nothing', async () => {
    const lines = many(30);
    lines[6] = '{"messages":[]}';
    lines[8] = 'x'.repeat(100_001);
    const bytes = Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0xc3, 0x28])]);
    const input = (async function* one() {
      yield bytes;
    })();
    await expect(build(input)).rejects.toMatchObject({
      code: 'invalid_training_file',
      message:
        '3 lines of the training file can not be learned from. Line 7: messages: expected a list that is not empty. ' +
        'Line 9: expected a shorter line. Line 31: expected UTF-8.',
      faults: { length: 3 },
      report: { lines: 31, examples: 28 },
    });
    expect(await stored()).toBeUndefined();
  });

  it('names the first faults where every line is wrong, and counts them all', async () => {
    const failed = build(Array.from({ length: 5_000 }, () => '[]').join('\n'), { kind: 'validation' });
    await expect(failed).rejects.toMatchObject({
      code: 'invalid_validation_file',
      message: expect.stringMatching(/^5000 lines .*Line 5: expected one JSON object\. And 4995 more\.$/),
      faults: { length: 20 },
    });
  });

  it('says that a file is gone', async () => {
    await expect(build('', { from: 'nothing' })).rejects.toMatchObject({ code: 'file_missing' });
  });

  it('reads a large file in bounded memory', async () => {
    const text = 'word '.repeat(800);
    const count = 20_000;
    const input = (async function* pieces() {
      for (let index = 0; index < count; index += 1) yield Buffer.from(`${chat(`${index} ${text}`)}\n`);
    })();
    await objects.put({ key: 'in', body: input, maxBytes: 1e9 });
    const before = process.memoryUsage.rss();
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss() - before);
    }, 20);
    const base = { objects, from: 'in', to: 'out', kind: 'training', form: 'supervised' } as const;
    const report = await buildDataSet({ ...base, minRating: undefined, maxLineBytes: 100_000, signal });
    clearInterval(timer);
    expect(report.examples).toBe(count);
    expect(report.bytes).toBeGreaterThan(80_000_000);
    expect(most).toBeLessThan(report.bytes);
  });

  it('ends when it is given up', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(build(many(20).join('\n'), { signal: stop.signal })).rejects.toThrow('enough');
  });
});
