import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TemplateSpill } from '../analysis/template-spill.js';
import { runLogAnalysis } from './run-log-analysis.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'moltbot-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const now = () => Date.UTC(2026, 0, 2);
const input = (path: string, role: 'current' | 'baseline' = 'current') => ({ name: path, role, from: { path } });

describe('a whole run', () => {
  it('reads several files and a baseline, and writes the template of each line', async () => {
    const out = join(folder, 'out.jsonl');
    const report = await runLogAnalysis({
      now,
      task: {
        inputs: [
          input(file('a.log', 'level=info msg="started 1"\nlevel=info msg="started 2"\n')),
          input(file('b.log.gz', gzipSync('{"level":"error","msg":"broke 7"}\n'))),
          input(file('old.log', 'level=info msg="gone thing"\n'), 'baseline'),
        ],
        templatesJsonl: out,
        top: 1,
      },
    });
    expect(report.coverage).toMatchObject({ lines: 3, baselineRecords: 1 });
    expect(report.sources.map(({ role, compression }) => [role, compression])).toEqual([
      ['baseline', 'none'],
      ['current', 'none'],
      ['current', 'gzip'],
    ]);
    expect(report.changes?.vanished).toMatchObject([{ template: 'gone thing' }]);
    expect(report.templatesOmitted).toBe(1);
    const lines = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { line: 1, template: 'started <*>' },
      { line: 2, template: 'started <*>' },
      { line: 3, template: 'broke <*>' },
    ]);
  });

  it('keeps its notes of the lines in a file that nobody sees and that no kill leaves behind', () => {
    const place = mkdtempSync(join(folder, 'spill-'));
    const spill = new TemplateSpill({ folder: place });
    for (let serial = 1; serial <= 70_000; serial += 1) spill.add(serial);
    if (process.platform !== 'win32') expect(readdirSync(place)).toEqual([]);
    expect([...spill.serials()].length).toBe(70_000);
    spill.close();
    expect(readdirSync(place)).toEqual([]);
  });

  it('names the input that it can’t read', async () => {
    const binary = file('x.bin', Buffer.from([0, 1, 2, 3]));
    await expect(runLogAnalysis({ now, task: { inputs: [input(binary)] } })).rejects.toMatchObject({
      code: 'binary',
      message: expect.stringContaining('x.bin'),
    });
    await expect(runLogAnalysis({ now, task: { inputs: [input(join(folder, 'none'))] } })).rejects.toMatchObject({
      code: 'unreadable',
    });
    await expect(runLogAnalysis({ now, task: { inputs: [input(folder)] } })).rejects.toMatchObject({
      code: 'unreadable',
    });
  });

  it('reports what a damaged file held before the damage', async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, index) => `level=info msg="number ${(index * 7_919) % 65_537}" x=${Math.sin(index)}`,
    );
    const packed = gzipSync(lines.join('\n'));
    const report = await runLogAnalysis({
      now,
      task: { inputs: [input(file('cut.gz', packed.subarray(0, packed.length / 2)))] },
    });
    expect(report.sources[0]?.ended).toBe('damaged');
    expect(report.coverage.lines).toBeGreaterThan(1_000);
  });

  it('stops in the middle with a report', async () => {
    const stop = new AbortController();
    const big = file('big.log', 'level=info msg="again and again"\n'.repeat(400_000));
    const report = await runLogAnalysis({
      now,
      task: { inputs: [input(big)] },
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    expect(report.sources[0]?.ended).toBe('stopped');
    expect(report.coverage.lines).toBeLessThan(400_000);
    expect(report.templates[0]?.template).toBe('again and again');
  });

  const hour = (at: number, text: string, count: number): string =>
    Array.from(
      { length: count },
      (_, each) => `2026-01-01 ${String(at).padStart(2, '0')}:00:${String(each % 60).padStart(2, '0')} INFO ${text}\n`,
    ).join('');

  it('tells what is new and what has vanished since the first hours of the same log, whatever the order of its files', async () => {
    const old = file('app.log.1', `${hour(8, 'started up', 3)}${hour(8, 'always here', 3)}    a line without a time\n`);
    const young = file('app.log', `${hour(9, 'always here', 5)}${hour(10, 'brand new', 4)}`);
    const baselineWindow = { firstMs: 3_600_000 };
    const report = await runLogAnalysis({ now, task: { inputs: [input(young), input(old)], baselineWindow } });
    expect(report.changes).toMatchObject({
      new: [{ template: 'brand new', count: 4, baselineCount: 0 }],
      vanished: [{ template: 'started up', count: 0, baselineCount: 3 }],
    });
    expect(report.window.baseline).toEqual({ from: null, to: '2026-01-01T09:00:00.000Z' });
    expect(report.coverage).toMatchObject({ records: 9, baselineRecords: 6 });
    const single = file('one.log', `${hour(8, 'started up', 3)}${hour(10, 'brand new', 4)}`);
    const alone = await runLogAnalysis({ now, task: { inputs: [input(single)], baselineWindow } });
    expect(alone.changes).toMatchObject({ new: [{ template: 'brand new' }], vanished: [{ template: 'started up' }] });
    const later = { fromMs: Date.UTC(2026, 0, 1, 10), toMs: Date.UTC(2026, 0, 1, 11) };
    const named = await runLogAnalysis({ now, task: { inputs: [input(single)], baselineWindow: later } });
    expect(named.changes).toMatchObject({ new: [{ template: 'started up' }], vanished: [{ template: 'brand new' }] });
  });

  it('finds no baseline in a log without times', async () => {
    const task = { inputs: [input(file('plain.log', 'one\ntwo\n'))], baselineWindow: { firstMs: 1_000 } };
    const report = await runLogAnalysis({ now, task });
    expect(report).toMatchObject({ changes: null, window: { baseline: null }, coverage: { records: 2 } });
  });

  it('reads what is no file through whoever opens it, and gives the template of each line away', async () => {
    const opened: string[] = [];
    async function* open(name: string) {
      opened.push(name);
      for (const word of ['level=info msg="seen', ' 1"\nlevel=info', ' msg="seen 2"\n']) yield Buffer.from(word);
    }
    const inputs = [{ name: 'a', role: 'current' as const, from: { source: 's' } }];
    let texts = '';
    const progress: object[] = [];
    const report = await runLogAnalysis({
      now,
      task: { inputs },
      open,
      onProgress: (each) => progress.push(each),
      onTemplates: async (pieces) => {
        for (const piece of pieces) texts += piece;
      },
    });
    expect(report.templates).toMatchObject([{ template: 'seen <*>', count: 2 }]);
    expect(opened).toEqual(['s']);
    expect(progress).toEqual([{ name: 'a', bytesIn: 48, lines: 2 }]);
    expect(texts.trim().split('\n')).toHaveLength(2);
    await expect(runLogAnalysis({ now, task: { inputs } })).rejects.toMatchObject({ code: 'unreadable' });
  });

  it('finds out first whether it can write', async () => {
    const task = { inputs: [input(file('c.log', 'x'))], templatesJsonl: join(folder, 'no', 'such', 'place') };
    await expect(runLogAnalysis({ now, task })).rejects.toThrow('ENOENT');
  });
});
