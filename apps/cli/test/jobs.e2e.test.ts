import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect, moltbot, type RunningMoltbot, spawnMoltbot, startMoltbot, temporaryHome } from './moltbot.js';

const home = temporaryHome();
let server: RunningMoltbot;

beforeAll(async () => {
  server = await startMoltbot({ home: home.path });
}, 60_000);
afterAll(async () => {
  await server.end();
  home.remove();
}, 60_000);

const run = async (args: readonly string[], input?: string, env?: Readonly<Record<string, string>>) =>
  moltbot(['jobs', ...args], {
    home: home.path,
    ...(input === undefined ? {} : { input }),
    ...(env === undefined ? {} : { env }),
  });
const json = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('moltbot jobs', () => {
  it('submits a job and follows it to its end, a line an event', async () => {
    const { code, stdout, stderr } = await run(['submit', 'probe', '--payload', '{"steps":3,"wait_ms":150}', '--wait']);
    expect(stderr).toMatch(/^job probe-0-[0-9a-f]{28}\n$/);
    expect(stdout).toMatch(
      /33 % {2}1\/3\n[^]*66 % {2}2\/3\n[^]*100 % {2}3\/3\n[^]*probe-0-[0-9a-f]{28} {2}completed\n$/,
    );
    expect(code).toBe(0);
  }, 20_000);

  it('prints the id, takes a payload from a file or from stdin, and lists, shows and saves what came of it', async () => {
    const file = join(home.path, 'payload.json');
    writeFileSync(file, '{"steps":2}');
    const first = await run(['submit', 'probe', '--payload', `@${file}`, '--idempotency-key', 'one']);
    const again = await run(['submit', 'probe', '--payload', '-', '--idempotency-key', 'one'], '{"steps":2}');
    expect(first.code).toBe(0);
    expect(again.stdout).toBe(first.stdout);
    const id = first.stdout.trim();
    const watched = await run(['watch', id, '--json']);
    const events = watched.stdout.trim().split('\n').map(json);
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { id, state: 'completed', result: { steps: 2 } } });
    expect(json((await run(['result', id, '--json'])).stdout)).toMatchObject({ steps: 2 });
    const out = join(home.path, 'probe.txt');
    expect((await run(['result', id, '--file', 'probe.txt', '--out', out])).stdout).toContain(out);
    expect(readFileSync(out, 'utf8')).toMatch(/^2 steps in/);
    expect(await run(['result', id, '--out', out])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exists'),
    });
    const { jobs } = json((await run(['list', '--type', 'probe', '--state', 'completed', '--json'])).stdout);
    expect((jobs as { id: string }[]).map((job) => job.id)).toContain(id);
    expect((await run(['list', '--limit', '1'])).stdout).toMatch(/^JOB +TYPE +STATE +CREATED/);
  }, 30_000);

  it('leaves the job alone when Ctrl-C ends the watching, and says so; cancels and retries it when asked', async () => {
    const { stdout } = await run(['submit', 'probe', '--payload', '{"steps":1,"busy_ms":60000}']);
    const id = stdout.trim();
    const watching = spawnMoltbot(['jobs', 'watch', id], { home: home.path });
    const text = collect(watching);
    while (!text.stdout().includes('active')) await text.more();
    watching.kill('SIGINT');
    const [code] = (await once(watching, 'close')) as [number];
    expect(code).toBe(130);
    expect(text.stderr()).toContain(`The job goes on.`);
    expect((await run(['result', id])).stderr).toContain('job_state_conflict');
    expect((await run(['cancel', id])).stdout).toContain('cancel');
    const ended = await run(['watch', id]);
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('cancelled  job_cancelled') });
    expect((await run(['retry', id])).code).toBe(0);
    expect((await run(['cancel', id])).code).toBe(0);
  }, 30_000);

  it('refuses wrong words with what is wrong, in the reader’s language', async () => {
    const unknown = await run(['submit', 'train']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('there are: warmup, probe');
    const wrong = await run(['submit', 'probe', '--payload', '{"steps":0}']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('payload.steps');
    for (const payload of ['{', '[]', '7', '@/nowhere/at/all']) {
      expect((await run(['submit', 'probe', '--payload', payload])).code).toBe(2);
    }
    expect((await run(['watch', 'nothing'])).stderr).toContain('not_found');
    expect((await run(['list', '--state', 'lost'])).code).toBe(2);
    expect((await run(['list', '--limit', '0'])).code).toBe(2);
    const chinese = await run(['submit', 'probe', '--payload', '{'], undefined, { LANG: 'zh_CN.UTF-8' });
    expect(chinese.stderr).toContain('内容不是 JSON 对象');
  }, 30_000);
});
