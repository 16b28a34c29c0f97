import { describe, expect, it } from '@jest/globals';
import type { Check, CheckContext, Observation } from './check.js';
import { finding } from './check.js';
import type { FindingCode, FindingFacts } from './finding-facts.js';
import { type Progress, runChecks } from './run-checks.js';
import { doctorTexts } from './texts/texts.js';
import { toReport } from './to-report.js';

const context = {} as CheckContext;
const { signal } = new AbortController();
const never = async (): Promise<never> => new Promise<never>(() => undefined);
const ok: Observation = { status: 'ok', evidence: [] };
const texts = doctorTexts({ locale: 'en', command: 'moltbot' });

const check = (id: Check['id'], run: Check['run']): Check => ({ id, run });
const found = <Code extends FindingCode>(status: 'error' | 'warning', code: Code, facts: FindingFacts[Code]) =>
  finding({ status, code, facts, evidence: [] });

describe('checks', () => {
  it('that hang or fail are told as such, and keep no other from its answer', async () => {
    const checks = [
      check('node.version', never),
      check('disk.space', async () => Promise.reject(new TypeError('a fault'))),
      check('files.home', async () => [ok]),
    ];
    const runs = await runChecks({ checks, context, signal, timeoutMs: 50 });
    expect(runs.map(({ id, observed }) => [id, observed[0]])).toMatchObject([
      ['node.version', { status: 'error', code: 'check-timed-out', facts: { seconds: 0.05 } }],
      ['disk.space', { status: 'error', code: 'check-failed', facts: { reason: 'TypeError: a fault' } }],
      ['files.home', { status: 'ok' }],
    ]);
  });

  it('are told to stop when their time is up, or when the run is ended', async () => {
    const stopped: string[] = [];
    const waiting = check('node.version', async (_, own) => {
      own.addEventListener('abort', () => stopped.push('late'));
      return never();
    });
    await runChecks({ checks: [waiting], context, signal, timeoutMs: 20 });
    expect(stopped).toEqual(['late']);
    const end = new AbortController();
    const running = runChecks({ checks: [waiting], context, signal: end.signal, timeoutMs: 60_000 });
    end.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(stopped).toEqual(['late', 'late']);
  });

  it('run side by side, and say how far they are', async () => {
    const gate = Promise.withResolvers<readonly Observation[]>();
    const seen: Progress[] = [];
    const checks = [
      check('node.version', async () => gate.promise),
      check('disk.space', async () => {
        gate.resolve([ok]);
        return [ok];
      }),
    ];
    await runChecks({ checks, context, signal, onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ done: 2, all: 2, running: [] });
    expect(seen.some(({ running }) => running.length === 2)).toBe(true);
  });
});

describe('the verdict', () => {
  const verdict = (...observed: Observation[]) =>
    toReport({
      runs: [{ id: 'config.valid', observed, ms: 1 }],
      texts,
      version: '1',
      startedAt: 0,
      durationMs: 1,
    }).verdict;

  it('is the cause that comes first, however late it was told', () => {
    const scopes = found('error', 'scopes-not-asked', { id: 'a', missing: 'x' });
    const clock = found('error', 'clock-off', { offset: '+10 min', hosts: 2 });
    const expired = found('error', 'tls-expired', { host: 'a:443', until: '2020' });
    const proxy = found('error', 'proxy-login', { proxy: 'http://p', host: 'a:443' });
    const config = found('error', 'config-mistake', { place: 'f:1', detail: 'x' });
    expect(verdict(scopes, expired, clock)).toMatchObject({ code: 'clock-off' });
    expect(verdict(scopes, expired, clock, proxy)).toMatchObject({ code: 'proxy-login' });
    expect(verdict(scopes, expired, clock, proxy, config)).toMatchObject({ code: 'config-mistake' });
  });

  it('puts an error before every warning, and is healthy where there is neither', () => {
    const warning = found('warning', 'proxy-login', { proxy: 'http://p', host: 'a:443' });
    const error = found('error', 'key-rejected', { id: 'a', status: 401 });
    expect(verdict(warning, error)).toMatchObject({ code: 'key-rejected' });
    expect(verdict(warning, ok)).toMatchObject({ status: 'warning' });
    expect(verdict(ok, { status: 'skipped', reason: 'not-configured' })).toEqual({ status: 'healthy' });
  });
});
