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

  it('finds out first whether it can write', async () => {
    const task = { inputs: [input(file('c.log', 'x'))], templatesJsonl: join(folder, 'no', 'such', 'place') };
    await expect(runLogAnalysis({ now, task })).rejects.toThrow('ENOENT');
  });
});
