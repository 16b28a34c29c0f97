import { describe, expect, it } from '@jest/globals';
import { type Settings, settingsSchema } from '@moltbot/config';
import { readChain } from './drilled-chain.js';
import { problemsOf, promisedOf } from './judge.js';
import type { Observation } from './observation.js';
import { planRuns } from './planned-run.js';
import type { DrillReport } from './report.js';
import { DRILL_ROW_IDS, drillRow, type DrillRowId } from './rows.js';
import { runDrill, type RunDrillOptions } from './run-drill.js';
import { runDrillApart } from './run-drill-apart.js';
import { FAILURE_TABLE, SCRIPTED_TEXT } from '@moltbot/providers';

const PROVIDERS = {
  openai: { models: { a: { price: { input: 1, output: 2 } } } },
  // Whoever called it would wait for ever, and whoever sent its header would give it away.
  mine: {
    kind: 'openai-compatible',
    base_url: 'http://192.0.2.1/v1',
    headers: { 'x-secret': 'canary' },
    models: { m: { prefill: true, price: { input: 0, output: 0 } } },
  },
};
const KEYS = [
  { id: 'openai', provider: 'openai', type: 'api_key' },
  { id: 'openai:b', provider: 'openai', type: 'oauth' },
  { id: 'anthropic', provider: 'anthropic', type: 'oauth' },
  { id: 'gemini', provider: 'gemini', type: 'api_key' },
] as const;

function settingsOf(value: Record<string, unknown>): Settings {
  return settingsSchema.parse({ providers: PROVIDERS, ...value });
}

async function drill(
  models: Record<string, unknown>,
  options: Partial<RunDrillOptions> & { readonly more?: Record<string, unknown> } = {},
): Promise<DrillReport> {
  const { more, ...rest } = options;
  return await runDrill({ settings: settingsOf({ models, ...more }), credentials: KEYS, ...rest });
}

const codes = ({ findings }: DrillReport, severity = 'error') =>
  findings.filter((finding) => finding.severity === severity).map(({ code }) => code);

describe('a drill', () => {
  it('finds every promise kept in a chain over all dialects, with no way out of this machine', async () => {
    const report = await drill(
      {
        primary: 'openai:a',
        fallbacks: ['anthropic:b', 'gemini:c', 'mine:m'],
        retry_policy: { initial_backoff: '20ms', max_total_wait: '1s' },
      },
      {
        form: 'full',
        parallel: 12,
        more: {
          timeouts: { connect: '500ms', headers: '1200ms', first_content: '1500ms', gap: '1500ms', answer: '3s' },
        },
      },
    );
    expect(report.runs.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(report.verdict).toBe('passed');
    expect(report.counts.runs).toBeGreaterThan(250);
    expect(report.counts).toMatchObject({ asPromised: report.counts.runs, lost: 0 });
    const drilled = new Set(report.runs.map(({ row }) => row));
    expect(DRILL_ROW_IDS.filter((id) => !drilled.has(id))).toEqual(['model-loading']);
    // Every kind of failure that an upstream can make.
    const seen = new Set(report.runs.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome)));
    const own = new Set(['unfit', 'loading']);
    expect(Object.keys(FAILURE_TABLE).filter((kind) => !seen.has(kind) && !own.has(kind))).toEqual([]);
    const cut = report.runs.find(({ row, target }) => row === 'stream-cut' && target === 'gemini:c');
    expect(cut).toMatchObject({ outcome: 'answered', answeredBy: 'mine:m', moves: ['prefill'] });
    const refused = report.runs.find(({ row, target }) => row === 'prefill-refused' && target === 'gemini:c');
    expect(refused).toMatchObject({ answeredBy: 'mine:m', moves: ['prefill', 'continue'] });
    const stale = report.runs.find(
      ({ row, target, mode }) => row === 'token-stale' && target === 'anthropic:b' && mode === 'whole',
    );
    expect(stale).toMatchObject({ answeredBy: 'anthropic:b', moves: ['refreshed'], calls: 2 });
    const key = report.runs.find(
      ({ row, credentials, mode }) => row === 'status-401' && credentials === 'first' && mode === 'stream',
    );
    expect(key).toMatchObject({ answeredBy: 'openai:a', moves: ['other-credential'] });
    expect(key?.costMicros).toBeGreaterThan(0);
    expect(JSON.stringify(report)).not.toContain('canary');
  });

  it('says how long users wait under their own limits, and fails where that is too long', async () => {
    const report = await drill(
      { primary: 'openai:a', fallbacks: ['mine:m'] },
      {
        form: 'quick',
        rows: ['slow-first-token', 'stream-stalled'],
        targets: ['openai:a'],
        maxWaitMs: 30_000,
        more: { timeouts: { gap: '20s' } },
      },
    );
    expect(report.scale).toBe(60);
    const [late, stalled] = report.runs;
    expect(late?.waitMs).toBeGreaterThanOrEqual(60_000);
    expect(late?.waitMs).toBeLessThan(66_000);
    expect(stalled?.waitMs).toBeLessThan(6_000);
    expect(stalled?.pauseMs).toBeGreaterThanOrEqual(20_000);
    expect(stalled?.pauseMs).toBeLessThan(26_000);
    expect(report).toMatchObject({ verdict: 'failed' });
    expect(report.findings[0]).toMatchObject({ code: 'waits-too-long', about: ['slow-first-token'] });
    expect(report.findings[0]?.change).toContain('first_content');
  });

  it('finds a deadline that leaves no time for a fallback', async () => {
    const report = await drill(
      { primary: 'openai:a', fallbacks: ['mine:m'] },
      { form: 'quick', rows: ['slow-headers'], more: { timeouts: { headers: '40s', total: '30s' } } },
    );
    expect(report.runs[0]).toMatchObject({ outcome: 'too-late', code: 'deadline_exceeded', problems: [] });
    expect(codes(report)).toEqual(['deadline']);
  });

  it.each([
    ['one model', { primary: 'openai:a' }, ['one-target', 'answer-lost']],
    ['one provider', { primary: 'openai:a', fallbacks: ['openai:other'] }, ['one-provider', 'answer-lost']],
    [
      'one provider and key',
      { primary: 'gemini:a', fallbacks: ['gemini:b'] },
      ['one-provider', 'one-credential', 'answer-lost'],
    ],
    ['one address', { primary: 'mine:m', fallbacks: ['other:m'] }, ['one-address']],
    [
      'nothing, with a model of this machine and the demo',
      { primary: 'local:tiny', fallbacks: ['demo:assistant'] },
      [],
    ],
    ['a model without a key', { primary: 'openai:a', fallbacks: ['vllm:x', 'azure:y'] }, ['not-ready']],
  ])('finds what hangs on %s', async (_, models, expected) => {
    const report = await drill(models, {
      rows: ['connection-refused', 'status-401'],
      more: {
        local_models: { models: { tiny: { file: 'tiny.gguf' } } },
        providers: {
          ...PROVIDERS,
          azure: { kind: 'openai', base_url: 'http://192.0.2.2/v1' },
          other: { kind: 'openai-compatible', base_url: 'http://192.0.2.1/v2' },
        },
      },
    });
    expect(codes(report)).toEqual(expected);
    expect(report.verdict).toBe(expected.length === 0 ? 'passed' : 'failed');
    expect(report.runs.flatMap(({ problems }) => problems)).toEqual([]);
  });

  it.each([
    ['no repeats', { retry_policy: { max_attempts: 1 } }, {}],
    ['many repeats', { retry_policy: { max_attempts: 10 } }, {}],
    ['no waits', { retry_policy: { max_total_wait: '0s' } }, {}],
    ['no retry budget', {}, { retry_budget: { burst: 0, ratio: 0 } }],
    ['a breaker that opens at once', {}, { breaker: { failures: 1 } }],
    ['a short deadline', {}, { timeouts: { total: '2s' } }],
    ['very long limits', {}, { timeouts: { headers: '30m', first_content: '30m', gap: '30m', total: '2h' } }],
    ['the responses API', {}, { providers: { ...PROVIDERS, openai: { api: 'responses' } } }],
  ])('finds every promise kept whatever the limits are: %s', async (_, models, more) => {
    // Those that wait for a limit have their own tests.
    const slow = new Set<string>(['slow-answer', ...('providers' in more ? [] : ['no-end-marker'])]);
    const rows = DRILL_ROW_IDS.filter((id) => drillRow(id).limit === undefined && !slow.has(id));
    const report = await drill(
      { primary: 'openai:a', fallbacks: ['mine:m'], ...models },
      { form: 'quick', rows: [...rows, 'outage', 'everything-down', 'caller-gone'], more },
    );
    expect(report.runs.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(report.runs.length).toBeGreaterThan(100);
  });

  it('of the default configuration says that the demo stands alone', async () => {
    const report = await runDrill({
      settings: settingsSchema.parse({}),
      credentials: [],
      form: 'quick',
      rows: ['status-503', 'status-400'],
    });
    expect(codes(report)).toEqual(['one-target', 'answer-lost']);
    expect(codes(report, 'warning')).toEqual(['simulated']);
    expect(report.runs.map(({ outcome }) => outcome)).toEqual(['told', 'told', 'lost', 'lost']);
  });

  it('drills a chain by its name, local models that load included, and refuses what is not there', async () => {
    const models = { chains: { small: { primary: 'local:tiny', fallbacks: ['mine:m'] } } };
    const more = {
      local_models: { models: { tiny: { file: 'tiny.gguf' } } },
      timeouts: { first_content: '2s', headers: '2s', gap: '2s' },
    };
    const report = await drill(models, { chain: 'small', rows: ['model-loading'], more });
    expect(report.runs.map(({ outcome, answeredBy }) => [outcome, answeredBy])).toEqual([
      ['answered', 'mine:m'],
      ['answered', 'mine:m'],
    ]);
    await expect(drill({}, { chain: 'nowhere' })).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(drill({}, { targets: ['x:y'] })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('ends at once when it is told to, and tells of each run', async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const running = drill(
      { primary: 'openai:a', fallbacks: ['mine:m'] },
      {
        signal: abort.signal,
        onRun: ({ done }) => {
          seen.push(done);
          if (done === 3) abort.abort(new Error('enough'));
        },
      },
    );
    await expect(running).rejects.toThrow('enough');
    expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
  });
});

describe('a drill in a process of its own', () => {
  const options = {
    settings: settingsOf({ models: { primary: 'openai:a', fallbacks: ['mine:m'] } }),
    credentials: KEYS,
    form: 'quick',
  } as const;

  it('comes to the same report, and tells how far it is', async () => {
    const seen: number[] = [];
    const report = await runDrillApart({
      ...options,
      signal: new AbortController().signal,
      onProgress: ({ done }) => seen.push(done),
    });
    expect(report).toMatchObject({ verdict: 'passed', form: 'quick', counts: { lost: 0 } });
    expect(seen).toEqual(Array.from({ length: report.counts.runs }, (_, index) => index + 1));
  });

  it('is ended with its signal, and says what was wrong with its order', async () => {
    const abort = new AbortController();
    const running = runDrillApart({
      ...options,
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    });
    await expect(running).rejects.toThrow('enough');
    const { signal } = new AbortController();
    await expect(runDrillApart({ ...options, chain: 'nowhere', signal })).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });
});

describe('the judgement of a drill', () => {
  const chain = readChain({
    settings: settingsOf({ models: { primary: 'openai:a', fallbacks: ['mine:m'] } }),
    credentials: KEYS,
    chain: 'default',
  });
  const judge = (id: DrillRowId, observation: Partial<Observation>, calls: readonly string[]) => {
    const outcome = planRuns({ id, chain, position: 0 });
    const run = 'planned' in outcome ? outcome.planned[0] : undefined;
    if (run === undefined) throw new Error(`${id} is not drilled`);
    const attempts = calls.map((text, index) => {
      const [target = '', result = ''] = text.split(' ');
      const [provider = '', model = ''] = target.split(':');
      return {
        requestId: 'r',
        index,
        startedAt: 0,
        provider,
        model,
        credential: 'x',
        outcome: result,
        durationMs: 1,
        role: 'answer' as const,
      };
    });
    const complete = { type: 'complete', answeredBy: 'mine:m', costMicros: undefined } as const;
    return problemsOf(run, promisedOf(run, chain), {
      text: SCRIPTED_TEXT,
      finish: 'stop',
      end: complete,
      durationMs: 1,
      ...observation,
      attempts,
    });
  };

  it('accepts what is promised and nothing else', () => {
    const good = ['openai:a overloaded', 'openai:a overloaded', 'mine:m ok'];
    expect(judge('status-503', {}, good)).toEqual([]);
    expect(judge('status-503', {}, ['openai:a server-error', ...good.slice(1)])).toEqual(['wrong-kind']);
    expect(judge('status-503', {}, ['openai:a overloaded', 'mine:m ok'])).toEqual(['not-repeated']);
    expect(judge('status-503', {}, ['openai:a overloaded', ...good])).toEqual(['too-many-calls']);
    expect(judge('status-503', { text: `${SCRIPTED_TEXT} again` }, good)).toEqual(['wrong-text']);
    const lost = { type: 'error', code: 'upstream_overloaded', begun: false } as const;
    expect(judge('status-503', { end: lost, text: '', finish: undefined }, good.slice(0, 2))).toEqual(['not-answered']);
    expect(judge('status-503', { end: { type: 'hung' } }, good)).toEqual(['hung']);
  });

  it('never takes a broken answer for a whole one', () => {
    const broken = { type: 'error', code: 'stream_interrupted', begun: true } as const;
    const calls = ['openai:a stream-cut', 'mine:m stream-cut'];
    expect(judge('stream-cut', { end: broken, text: 'word1', finish: 'stop' }, calls)).toEqual([
      'not-answered',
      'false-end',
    ]);
    expect(judge('stream-cut', { text: 'word1' }, ['openai:a stream-cut', 'mine:m ok'])).toEqual(['wrong-text']);
  });

  it('wants the caller told of what is its own fault, by nobody else', () => {
    const told = { type: 'error', code: 'invalid_request', begun: false } as const;
    expect(judge('status-400', { end: told, finish: undefined, text: '' }, ['openai:a invalid-request'])).toEqual([]);
    expect(judge('status-400', {}, ['openai:a invalid-request', 'mine:m ok'])).toEqual(['answered']);
    const other = { ...told, code: 'upstream_error' } as const;
    expect(judge('status-400', { end: other, finish: undefined, text: '' }, ['openai:a invalid-request'])).toEqual([
      'wrong-code',
    ]);
  });

  it('has a row for every failure of the table but those that are no upstream’s', () => {
    const drilled = new Set<string>(DRILL_ROW_IDS.map((id) => drillRow(id).kind));
    expect(Object.keys(FAILURE_TABLE).filter((kind) => !drilled.has(kind))).toEqual(['unfit', 'loading', 'cancelled']);
  });
});
