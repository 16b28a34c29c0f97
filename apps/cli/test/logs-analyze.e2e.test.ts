import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { moltbot, spawnMoltbot } from './moltbot.js';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'moltbot-logs-e2e-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(home, name);
  writeFileSync(path, content);
  return path;
};
const LINES = Array.from(
  { length: 200 },
  (_, index) =>
    `2026-01-01 10:00:${String(index % 60).padStart(2, '0')},000 ${index % 4 === 0 ? 'ERROR' : 'INFO'} [main] app.Db: query ${index} took ${index} ms`,
).join('\n');

describe('moltbot logs analyze', () => {
  it('reports on packed files with no server and no configuration', async () => {
    const ran = await moltbot(['logs', 'analyze', file('a.log.gz', gzipSync(LINES))], { home });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('200 records, 1 templates');
    expect(ran.stdout).toMatch(
      /200 100\.0 %\s+[0-9a-f]{12}\s+query <\*> took <\*> ms\s+\[25\.0 % errors, p95 1[89]\d ms\]/,
    );
  });

  it('prints one JSON document, writes the page and the template of each line', async () => {
    const [html, jsonl] = [join(home, 'out.html'), join(home, 'out.jsonl')];
    const old = file('old.log', '2026-01-01 09:00:00,000 INFO [main] app.Db: gone now');
    const args = [
      'logs',
      'analyze',
      '-',
      '--json',
      '--baseline',
      old,
      '--html',
      html,
      '--templates-jsonl',
      jsonl,
      '--top',
      '5',
    ];
    const ran = await moltbot(args, { home, input: LINES });
    expect(ran.code).toBe(0);
    const report = JSON.parse(ran.stdout) as {
      readonly version: number;
      readonly changes: unknown;
      readonly templates: readonly { readonly id: string }[];
    };
    expect(report).toMatchObject({ version: 1, changes: { vanished: [{ template: 'gone now' }] } });
    expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/);
    expect(statSync(html).mode & 0o777).toBe(0o600);
    const lines = readFileSync(jsonl, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(200);
    expect(JSON.parse(lines[199] ?? '')).toEqual({
      line: 200,
      template: 'query <*> took <*> ms',
      template_id: report.templates[0]?.id,
    });
  });

  it('compares a log with its own first hours, or with a window of it', async () => {
    const log = file('hours.log', `${LINES}\n${'2026-01-01 12:00:00,000 INFO [main] app.Db: brand new\n'.repeat(3)}`);
    const first = await moltbot(['logs', 'analyze', log, '--baseline-window', '1h'], { home });
    expect(first.stdout).toMatch(
      /baseline: the beginning … 2026-01-01T11:00:00\.000Z\n[^]*New since the baseline\n +3 {2}[0-9a-f]{12} {2}brand new/,
    );
    const window = await moltbot(
      ['logs', 'analyze', log, '--json', '--baseline-window', '2026-01-01 12:00/2026-01-01T13:00:00Z'],
      { home },
    );
    expect(JSON.parse(window.stdout)).toMatchObject({
      changes: { new: [{ count: 200 }], vanished: [{ template: 'brand new', baselineCount: 3 }] },
    });
  });

  it('prints what it found so far when Ctrl-C comes while a pipe is silent', async () => {
    const child = spawnMoltbot(['logs', 'analyze', '-', '--max-lines', '1000000'], { home });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // More than a pipe holds: when it is gone, the reading has begun.
    const wrote = new Promise((resolve) => child.stdin?.write(`${LINES}\n`.repeat(40), resolve));
    await wrote;
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    expect(stdout).toMatch(/[\d,]+ lines, [\d,]+ records, 1 templates/);
    expect(stderr).toContain('so far');
  });

  it.each([
    [['nowhere.log'], 1, /could not be read\. \(ENOENT\) \[.*nowhere\.log\]/],
    [['--format', 'xml', 'a'], 2, /`xml` is no format: one of auto, json/],
    [['--since', 'yesterday', 'a'], 2, /`yesterday` is no time/],
    [['--max-lines', '0', 'a'], 2, /`0` is no whole number/],
    [['-', '-'], 2, /stdin/],
    [['--baseline-window', 'soon', 'a'], 2, /`soon` is no window/],
    [['--baseline-window', '2026-01-02/2026-01-01', 'a'], 2, /is no window/],
    [['--url', 'http://127.0.0.1:9', 'a', '--summary'], 3, /No server answers at http:\/\/127\.0\.0\.1:9/],
    [[], 2, /files/],
  ])('says what is wrong with %j', async (args, code, message) => {
    const ran = await moltbot(['logs', 'analyze', ...args], { home });
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(message);
  });

  it('refuses binary data, bombs and places that can’t be written', async () => {
    const binary = await moltbot(['logs', 'analyze', file('x.bin', Buffer.from([0, 1, 2, 0]))], { home });
    expect(binary).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('binary data') });
    const bomb = await moltbot(
      ['logs', 'analyze', '--json', file('bomb.gz', gzipSync(Buffer.alloc(120_000_000, 0x61)))],
      { home },
    );
    expect(bomb.code).toBe(1);
    expect(`${bomb.stdout}${bomb.stderr}`).toMatch(/bomb/);
    const unwritable = await moltbot(
      ['logs', 'analyze', file('b.log', 'x'), '--templates-jsonl', join(home, 'no', 'place')],
      { home },
    );
    expect(unwritable).toMatchObject({ code: 1, stderr: expect.stringContaining('(ENOENT)') });
  });
});
