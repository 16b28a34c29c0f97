import { describe, expect, it } from '@jest/globals';
import { buildReport } from '../report/build-report.js';
import { toTemplatesJsonl } from '../report/to-templates-jsonl.js';
import { analyzeSource, type SourceReport } from './analyze-source.js';
import { LogAnalyzer, type LogAnalyzerOptions, type SourceRole } from './log-analyzer.js';
import { TemplateSpill } from './template-spill.js';

const START = Date.UTC(2026, 0, 1);
const now = () => START + 86_400_000;
const at = (seconds: number) => new Date(START + seconds * 1_000).toISOString();

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += 5_000) yield bytes.subarray(from, from + 5_000);
}

async function analyze(
  logs: string | Partial<Record<SourceRole, string>>,
  options: Omit<LogAnalyzerOptions, 'now'> & { readonly signal?: AbortSignal } = {},
) {
  const { signal, ...settings } = options;
  const analyzer = new LogAnalyzer({ ...settings, now });
  const sources: SourceReport[] = [];
  const texts = typeof logs === 'string' ? { current: logs } : logs;
  for (const role of ['baseline', 'current'] as const) {
    const text = texts[role];
    if (text === undefined) continue;
    sources.push(
      await analyzeSource({
        analyzer,
        source: bytesOf(text),
        name: role,
        role,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }
  return { analyzer, report: buildReport({ analyzer, sources, now }) };
}

describe('an analysis', () => {
  it('counts each line once: records, continuations, empty lines', async () => {
    const { report } = await analyze(
      [
        `${at(0)} INFO [main] app.Start: started in 12 ms`,
        `${at(1)} ERROR [main] app.Work: failed for user 17`,
        'java.lang.IllegalStateException: bad',
        '\tat app.Work.run(Work.java:12)',
        'Caused by: java.io.IOException: gone',
        '\t... 3 more',
        `${at(2)} WARN app.Work: retry 2`,
        '',
        `${at(3)} ERROR [main] app.Work: failed for user 18`,
        '',
      ].join('\n'),
    );
    expect(report.coverage).toMatchObject({ lines: 9, records: 4, continuations: 4, emptyLines: 1, shown: 1 });
    expect(report.formats).toEqual([{ format: 'text', records: 4 }]);
    expect(report.errorRate).toBe(0.5);
    expect(report.templates[0]).toMatchObject({
      template: 'failed for user <*>',
      count: 2,
      share: 0.5,
      errors: 2,
      errorRate: 1,
      first: at(1),
      last: at(3),
      firstLine: 2,
      lastLine: 9,
      samples: ['failed for user 17'],
      variables: [
        {
          type: 'number',
          top: [
            { value: '17', count: 1 },
            { value: '18', count: 1 },
          ],
        },
      ],
    });
    expect(report.loggers[0]).toEqual({ logger: 'app.Work', count: 3 });
  });

  it('joins the traces of Python, Node and Go in plain logs', async () => {
    const { report } = await analyze(
      [
        'worker: job 1 failed',
        'Traceback (most recent call last):',
        '  File "a.py", line 3, in <module>',
        'ValueError: bad',
        'worker: job 2 failed',
        'Error: no',
        '    at run (a.js:3:4)',
        'panic: runtime error: index out of range',
        '',
        'goroutine 1 [running]:',
        'main.main()',
        '\t/app/main.go:7 +0x1d',
        'worker: job 3 failed',
      ].join('\n'),
    );
    expect(report.templates.map(({ template, count }) => [template, count])).toEqual([
      ['worker: job <*> failed', 3],
      ['Error: no', 1],
      ['panic: runtime error: index out of range', 1],
    ]);
    expect(report.coverage.continuations).toBe(7);
  });

  it('takes each line for the message itself when told so', async () => {
    const { report } = await analyze('{"msg":"a"}\n  indented\n\nCaused by: x', { messageOnly: true });
    expect(report.coverage).toMatchObject({ records: 4, continuations: 0 });
  });

  it('shows latency and errors by template and route', async () => {
    const lines = Array.from({ length: 1_000 }, (_, index) =>
      JSON.stringify({
        time: at(index),
        level: index % 10 === 0 ? 'error' : 'info',
        msg: 'request answered',
        route: `/users/${index}?q=1`,
        status: index % 10 === 0 ? 500 : 200,
        durationMs: index + 1,
      }),
    );
    const { report } = await analyze(lines.join('\n'));
    expect(report.routes).toHaveLength(1);
    for (const { count, errorRate, latency } of [report.routes[0], report.templates[0]] as const as readonly {
      count: number;
      errorRate: number;
      latency: { p50: number; p95: number; p99: number; max: number };
    }[]) {
      expect([count, errorRate]).toEqual([1_000, 0.1]);
      expect(Math.abs(latency.p50 - 500)).toBeLessThan(6);
      expect(Math.abs(latency.p95 - 950)).toBeLessThan(11);
      expect(Math.abs(latency.p99 - 990)).toBeLessThan(11);
      expect(latency.max).toBe(1_000);
    }
    expect(report.routes[0]?.route).toBe('/users/*');
  });

  it('says what is new and what has vanished since the baseline', async () => {
    const { report } = await analyze({
      baseline: `${at(0)} INFO app: steady 1\n${at(1)} INFO app: old thing\n`,
      current: `${at(100)} INFO app: steady 2\n${at(101)} ERROR app: brand new\n${at(102)} INFO app: steady 3\n`,
    });
    expect(report.changes?.new).toMatchObject([{ template: 'brand new', count: 1, baselineCount: 0 }]);
    expect(report.changes?.vanished).toMatchObject([{ template: 'old thing', count: 0, baselineCount: 1 }]);
    expect(report.coverage).toMatchObject({ records: 3, baselineRecords: 2, lines: 3 });
    expect(report.templates.map(({ template }) => template)).not.toContain('old thing');
    expect((await analyze('x\n')).report.changes).toBeNull();
  });

  it('compares with an earlier window of the same log', async () => {
    const lines = Array.from(
      { length: 100 },
      (_, index) => `${at(index)} INFO app: ${index < 50 ? 'before' : 'after'} it`,
    );
    const { report } = await analyze(lines.join('\n'), { baselineWindow: { fromMs: START, toMs: START + 50_000 } });
    expect(report.changes).toMatchObject({
      new: [{ template: 'after it', count: 50 }],
      vanished: [{ template: 'before it' }],
    });
  });

  it('leaves out what is outside the window, with its stack traces, and counts it', async () => {
    const { report } = await analyze(
      `${at(0)} INFO app: x\n\tat y\n${at(50)} INFO app: z\n\tat w\n${at(90)} INFO app: z\n`,
      {
        sinceMs: START + 10_000,
        untilMs: START + 80_000,
      },
    );
    expect(report.coverage).toMatchObject({ records: 1, recordsOutsideWindow: 2 });
    expect(report.templates.map(({ template, count }) => [template, count])).toEqual([['z', 1]]);
  });

  it('finds spikes and what rises with them', async () => {
    const lines: string[] = [];
    for (let minute = 0; minute < 60; minute += 1) {
      for (let each = 0; each < (minute === 40 ? 200 : 5); each += 1) {
        lines.push(
          `${at(minute * 60 + 1)} ERROR db: connection refused`,
          `${at(minute * 60 + 2)} WARN api: request failed with 503`,
        );
      }
      for (let each = 0; each < 7; each += 1) lines.push(`${at(minute * 60 + 3)} INFO api: all is well here`);
    }
    const { report } = await analyze(lines.join('\n'));
    const refused = report.templates.find(({ template }) => template === 'connection refused');
    const failed = report.templates.find(({ template }) => template.startsWith('request failed'));
    expect(report.spikes).toContainEqual(
      expect.objectContaining({ templateId: refused?.id, at: at(40 * 60), count: 200, usual: 5 }),
    );
    expect(report.spikes.some(({ templateId }) => templateId === null)).toBe(true);
    expect(report.risingTogether).toHaveLength(1);
    expect(new Set(report.risingTogether[0]?.templateIds)).toEqual(new Set([refused?.id, failed?.id]));
    expect(report.timeline.lines.reduce((a, b) => a + b, 0)).toBe(lines.length);
    expect(refused?.timeline.reduce((a, b) => a + b, 0)).toBe(refused?.count);
  });

  it('finds odd sequences within a request, and shows the traces of errors', async () => {
    const lines: string[] = [];
    for (let index = 0; index < 300; index += 1) {
      const line = (msg: string, level = 'info') =>
        lines.push(JSON.stringify({ time: at(index), level, requestId: `r-${index}`, msg }));
      line('accepted');
      line('routed');
      if (index === 123) line('stopped in the middle', 'error');
      else line('answered');
    }
    const { report } = await analyze(lines.join('\n'));
    expect(report.oddSequences).toMatchObject([
      { from: 'routed', to: 'stopped in the middle', count: 1, exampleId: 'r-123' },
    ]);
    expect(report.traces[0]).toMatchObject({ id: 'r-123', errors: 1, odd: true });
    expect(report.traces[0]?.steps.map(({ template }) => template)).toEqual([
      'accepted',
      'routed',
      'stopped in the middle',
    ]);
  });

  it('gives each line its final template, also those from before a merge', async () => {
    const spill = new TemplateSpill();
    try {
      const users = ['anna', 'bob', 'carla', 'dieter', 'emma'];
      const lines = [...users.map((user) => `welcome back dear ${user} to us`), '', 'other line'];
      const { analyzer } = await analyze(lines.join('\n'), { messageOnly: true, spill });
      const written = [...toTemplatesJsonl({ analyzer, spill })]
        .join('')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(written.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(new Set(written.slice(0, 5).map(({ template }) => template))).toEqual(
        new Set(['welcome back dear <*> to us']),
      );
      expect(new Set(written.slice(0, 5).map(({ template_id: id }) => id)).size).toBe(1);
      expect(written[6]).toMatchObject({ template: 'other line' });
    } finally {
      spill.close();
    }
  });

  it('keeps what was counted when templates merge', async () => {
    const users = ['anna', 'bob', 'carla', 'dieter', 'emma'];
    const lines = Array.from(
      { length: 50 },
      (_, index) => `${at(index * 60)} ERROR app: welcome back dear ${users[index % 5]} after ${index} ms`,
    );
    const { report } = await analyze(lines.join('\n'));
    const [only] = report.templates;
    expect(report.templates).toHaveLength(1);
    expect(only).toMatchObject({
      template: 'welcome back dear <*> after <*> ms',
      count: 50,
      errors: 50,
      first: at(0),
      last: at(49 * 60),
      firstLine: 1,
      lastLine: 50,
    });
    expect(only?.latency?.count).toBe(50);
    expect(only?.timeline.reduce((a, b) => a + b, 0)).toBe(50);
    expect(new Map(only?.variables[0]?.top.map(({ value, count }) => [value, count]))).toEqual(
      new Map(users.map((user) => [user, 10])),
    );
  });

  it('masks secrets of the usual shapes wherever log text is shown', async () => {
    const secrets = ['sk-abcdefghijklmnop1234', 'hunter2secret', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh'];
    const { report } = await analyze(
      [
        `login with key ${secrets[0] ?? ''}`,
        `connect password=${secrets[1] ?? ''} ok`,
        `header Authorization: Bearer ${secrets[2] ?? ''}`,
        `db postgres://me:${secrets[1] ?? ''}@host/x`,
        `token = 4f${secrets[1] ?? ''}99 of`,
      ].join('\n'),
      { messageOnly: true },
    );
    const text = JSON.stringify(report);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).toContain('***');
  });

  it('stops at the wanted number of lines, and when it is told to', async () => {
    const text = 'a line\n'.repeat(5_000);
    expect((await analyze(text, { maxLines: 10 })).report.coverage).toMatchObject({ lines: 10, linesOverLimit: 4_990 });
    const stopped = await analyze(text, { signal: AbortSignal.abort() });
    expect(stopped.report.sources[0]?.ended).toBe('stopped');
    expect(stopped.report.coverage.lines).toBeLessThan(5_000);
    expect(stopped.report.coverage.lines).toBeGreaterThan(0);
  });

  it('is not thrown by wild times, no lines, or lines without messages', async () => {
    const { report } = await analyze(
      ['1970', '2026', '2199', '1999'].map((year) => `{"time":"${year}-01-01T00:00:00Z","msg":"x"}`).join('\n'),
    );
    expect(report.templates[0]?.count).toBe(4);
    expect(report.coverage.timesOutlying).toBeGreaterThan(0);
    expect((await analyze('')).report).toMatchObject({ coverage: { lines: 0 }, templates: [], time: { first: null } });
    expect((await analyze('{"a":1}\n{"b":2}\n')).report.coverage.recordsWithoutMessage).toBe(2);
  });
});
