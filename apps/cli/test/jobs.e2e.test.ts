import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
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

  const log = (name: string, hour: number, text: string): string => {
    const path = join(home.path, name);
    const lines = Array.from(
      { length: 120 },
      (_, index) => `2026-01-01T0${hour}:00:${String(index % 60).padStart(2, '0')}Z INFO ${text} ${index}\n`,
    ).join('');
    writeFileSync(path, name.endsWith('.gz') ? gzipSync(lines) : lines);
    return path;
  };

  it('uploads files for a job, follows it, and saves what it leaves', async () => {
    const files = [log('new.log', 9, 'serving request'), log('old.log.gz', 7, 'warming up')];
    const out = join(home.path, 'out', 'report');
    const payload = '{"baseline_window":{"first":"1h"},"templates_jsonl":true}';
    const ran = await run(['submit', 'log-analysis', ...files, '--payload', payload, '--out', out]);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/uploaded .*new\.log as file-[0-9a-f]{24}\n[^]*uploaded .*old\.log\.gz as file-/);
    expect(ran.stdout).toMatch(/100 % {2}0\.0\/0\.0 MB, 240 lines\n[^]*completed\n$/);
    expect(readdirSync(out).sort()).toEqual(['report.html', 'report.json', 'templates.jsonl']);
    expect(json(readFileSync(join(out, 'report.json'), 'utf8'))).toMatchObject({
      changes: { new: [{ template: 'serving request <*>' }], vanished: [{ template: 'warming up <*>' }] },
      sources: [{ name: 'new.log' }, { name: 'old.log.gz', compression: 'gzip' }],
    });
    // Nothing is replaced.
    const again = await run(['submit', 'log-analysis', ...files, '--out', out]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('exists') });
    for (const [args, message] of [
      [['probe', ...files], /takes no files here; these do: log-analysis/],
      [['log-analysis', join(home.path, 'none.log')], /none\.log can’t be read \(ENOENT\)/],
      [['log-analysis', home.path], /no regular file/],
      // Uploaded again they are other files: the second submission would be a conflict.
      [['log-analysis', ...files, '--idempotency-key', 'one'], /Files are uploaded anew each time/],
    ] as const) {
      expect(await run(['submit', ...args])).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
    }
    const bad = join(home.path, 'bad.log');
    writeFileSync(bad, Buffer.from([0, 1, 2]));
    const failed = await run(['submit', 'log-analysis', bad, '--wait']);
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining('log_input_invalid') });
  }, 40_000);

  it('lets the running server’s model summarise a log, and keeps nothing that cites no template', async () => {
    const page = join(home.path, 'summary.html');
    const args = ['logs', 'analyze', log('sum.log', 9, 'serving request'), '--html', page, '--json'];
    const ran = await moltbot([...args, '--summary', 'demo:assistant'], { home: home.path });
    expect(ran.code).toBe(0);
    expect(json(ran.stdout)).toMatchObject({
      summary: { model: 'demo:assistant', claims: [], removed: { unknown: 0 }, error: null },
    });
    expect(readFileSync(page, 'utf8')).toContain('Summary, written by demo:assistant');
    const failing = await moltbot([...args.slice(0, 3), '--summary=nobody:here'], { home: home.path });
    expect(failing).toMatchObject({ code: 5, stdout: expect.stringContaining('no summary: model_not_found') });
  }, 20_000);

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
