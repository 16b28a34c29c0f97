import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DrillReport } from '@moltbot/drill';
import { moltbot, type TemporaryHome, temporaryHome } from './moltbot.js';

const CANARY = 'sk-canary-4711';
let good: TemporaryHome;
let alone: TemporaryHome;

beforeAll(() => {
  good = temporaryHome({
    models: { primary: 'openai:first', fallbacks: ['anthropic:second'] },
    // Nobody is there: whoever called it would wait.
    providers: { openai: { base_url: 'http://192.0.2.1/v1', headers: { 'x-canary': CANARY } } },
  });
  const key = { type: 'api_key', key: CANARY };
  writeFileSync(join(good.path, 'auth.json'), JSON.stringify({ openai: key, anthropic: key }), { mode: 0o600 });
  alone = temporaryHome();
});

afterAll(() => {
  good.remove();
  alone.remove();
});

describe('moltbot drill', () => {
  it('says what users would have seen, with no server, key or network, and ends with 0 where all is as promised', async () => {
    const { code, stdout, stderr } = await moltbot(['drill', 'failover', '--quick'], { home: good.path });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Drill of the chain default: openai:first → anthropic:second');
    expect(stdout).toMatch(/Limits are scaled 1:60/);
    expect(stdout).toMatch(
      /✓ 503 overloaded +stream\+whole +anthropic:second answers after \d+ ms +3 calls +same again, next model/,
    );
    expect(stdout).toMatch(/✓ no headers come +stream +anthropic:second answers after 3\d s +2 calls/);
    expect(stdout).toMatch(/PASSED {2}(\d+) of \1 faults as promised in \d+\.\d s/);
    expect(stdout).not.toContain(CANARY);
  });

  it('takes less than ten seconds in its short form', async () => {
    const { code, stdout } = await moltbot(['drill', '--quick', '--json'], { home: good.path });
    const report = JSON.parse(stdout) as DrillReport;
    expect(code).toBe(0);
    expect(report).toMatchObject({ verdict: 'passed', chain: 'default', form: 'quick', scale: 60 });
    // Two seconds on a quiet machine.
    expect(report.durationMs).toBeLessThan(10_000);
    expect(report.counts.asPromised).toBe(report.counts.runs);
    expect(stdout).not.toContain(CANARY);
  });

  it('ends with 1 and says what to change where answers hang on one model', async () => {
    const { code, stdout } = await moltbot(['drill', '--only', 'status-503,status-400'], { home: alone.path });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ 503 overloaded +stream\+whole +LOST: upstream_overloaded/);
    expect(stdout).toContain('The chain has one model that can answer (demo:assistant)');
    expect(stdout).toContain('    models:\n      fallbacks: [ANOTHER_PROVIDER:MODEL]');
    expect(stdout).toContain('FAILED');
  });

  it('ends with 1 where users would wait longer than is allowed', async () => {
    const args = ['drill', '--quick', '--only', 'slow-first-token', '--target', 'openai:first', '--max-wait', '30s'];
    const { code, stdout } = await moltbot(args, { home: good.path });
    expect(code).toBe(1);
    expect(stdout).toMatch(/Users wait up to 6\d s, longer than you allow: no first token comes\./);
    expect(stdout).toContain('    timeouts:\n      first_content: …');
  });

  it('ends with 2 where it can’t be run', async () => {
    const wrong = [
      ['drill', 'fire'],
      ['drill', '--only', 'nonsense'],
      ['drill', '--target', 'openai:other'],
      ['drill', '--chain', 'nowhere'],
      ['drill', '--max-wait', 'long'],
      ['drill', '--nonsense'],
    ];
    const runs = await Promise.all(wrong.map(async (args) => moltbot(args, { home: good.path })));
    expect(runs.map(({ code, stdout, stderr }) => [code, stdout, stderr !== ''])).toEqual(
      wrong.map(() => [2, '', true]),
    );
    alone.writeConfig({ models: { primary: 7 } });
    const invalid = await moltbot(['drill', '--json'], { home: alone.path });
    expect(invalid.code).toBe(2);
    expect(JSON.parse(invalid.stdout)).toMatchObject({ error: { code: 'config_invalid' } });
  });

  it('lists its faults, and speaks Chinese', async () => {
    const { code, stdout } = await moltbot(['drill', '--list'], { home: good.path, env: { LANG: 'zh_CN.UTF-8' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/status-503 +503 过载 +overloaded +快速/);
  });
});
