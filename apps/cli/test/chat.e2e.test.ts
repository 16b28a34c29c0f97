import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { moltbot, type RunningMoltbot, spawnMoltbot, startMoltbot, temporaryHome } from './moltbot.js';

const home = temporaryHome({
  models: {
    primary: 'demo:status=503,tokens=8',
    fallbacks: ['demo:tokens=8'],
    retry_policy: { initial_backoff: '1ms', max_backoff: '1ms' },
    chains: { rescued: { primary: 'demo:cut=3', fallbacks: ['demo:tokens=20'] } },
  },
  providers: { demo: { models: { 'tokens=8': { price: { input: 1_000_000, output: 2_000_000 } } } } },
});
let server: RunningMoltbot;

beforeAll(async () => {
  server = await startMoltbot({ home: home.path, args: ['--no-worker'] });
});
afterAll(async () => {
  await server.end();
  home.remove();
});

const run = async (args: readonly string[], input?: string) =>
  moltbot(args, { home: home.path, ...(input === undefined ? {} : { input }) });
const json = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('moltbot chat', () => {
  it('prints the answer on stdout and who gave it on stderr, with the fallback and the cost', async () => {
    const { code, stdout, stderr } = await run(['chat', 'Hello', 'there']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\[SIMULATED\] You asked: “Hello there” No\n$/);
    expect(stderr).toMatch(
      /^— demo:tokens=8 · SIMULATED · \d+\.\d s · \d+ \+ 8 tokens · cost \d+\.\d+ · fallback demo:status=503,tokens=8 -> demo:tokens=8; reason=\S+\n$/,
    );
  });

  it('gives programs one JSON object', async () => {
    const { code, stdout, stderr } = await run(['chat', '--json', 'Hello']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const answer = json(stdout);
    expect(answer).toMatchObject({
      model: 'demo:tokens=8',
      attempts: expect.any(Number),
      fallback: expect.stringContaining('demo:status=503,tokens=8 -> demo:tokens=8'),
      simulated: true,
      finishReason: 'stop',
      usage: { input: expect.any(Number), output: 8 },
      complete: true,
      durationMs: expect.any(Number),
      requestId: expect.any(String),
    });
    const { input } = answer['usage'] as { readonly input: number };
    expect(Number(answer['cost'])).toBe(input + 16);
  });

  it('tells that another model finished the answer', async () => {
    const answer = json((await run(['chat', '--json', '-m', 'rescued', 'Hello'])).stdout);
    expect(answer).toMatchObject({ complete: true, model: 'demo:tokens=20', attempts: 2 });
    expect(answer['fallback']).toContain('in mid-answer demo:cut=3 -> demo:tokens=20');
  });

  it('takes the text from a pipe, alone or in the place of a dash', async () => {
    const long = 'demo:tokens=30,rate=1ms';
    expect((await run(['chat', '-m', long], 'from the pipe\n')).stdout).toContain('“from the pipe”');
    expect((await run(['chat', '-m', long, '-'], 'dashed')).stdout).toContain('“dashed”');
    expect((await run(['chat', '-m', long, 'Sum', 'up:', '-'], 'words')).stdout).toContain('“Sum up:');
    expect(await run(['chat'], ' \n')).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing to ask') });
  });

  it('never shows a broken answer as whole: it says so and ends with 5', async () => {
    const { code, stdout, stderr } = await run(['chat', '-m', 'demo:cut=3', 'Hello']);
    expect(code).toBe(5);
    expect(stdout).toContain('[SIMULATED]');
    expect(stderr).toContain('[the answer broke off:');
    const answer = await run(['chat', '--json', '-m', 'demo:cut=3', 'Hello']);
    expect(answer.code).toBe(5);
    expect(json(answer.stdout)).toMatchObject({ complete: false, brokeOff: expect.any(String) });
  });

  it('ends with 5 and the code where no model answers, with what to do', async () => {
    const failed = await run(['chat', '--json', '-m', 'demo:status=429', 'Hello']);
    expect(failed.code).toBe(5);
    expect(json(failed.stdout)).toMatchObject({ error: { code: 'rate_limited' } });
    expect((await run(['chat', '-m', 'demo:status=429', 'Hello'])).stderr).toContain(
      'Wait as long as `retry-after` says.',
    );
  });

  it('ends with 1 where the server refuses the request', async () => {
    const refused = await run(['chat', '-m', 'no-such-model', 'Hello']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('model_not_found');
    expect(refused.stderr).toContain('./moltbot models list');
  });

  it('ends with 3 where no server answers, and says how to start one', async () => {
    const other = temporaryHome({ server: { port: 1 } });
    try {
      const alone = await moltbot(['chat', 'Hello'], { home: other.path });
      expect(alone).toMatchObject({ code: 3, stdout: '' });
      expect(alone.stderr).toContain('Start one with `./moltbot start`');
      const here = await moltbot(['chat', '--url', server.url, '-m', 'demo:tokens=3', 'x'], { home: other.path });
      expect(here.code).toBe(0);
      expect((await moltbot(['chat', '--url', 'localhost', 'x'], { home: other.path })).code).toBe(2);
      // Words for a proxy are no key of ours, and are not said again.
      for (const url of ['http://me:hidden@127.0.0.1:1', 'ftp://me:hidden@127.0.0.1:1', 'http://me:hidden@']) {
        const refused = await moltbot(['chat', '--url', url, 'x'], { home: other.path });
        expect([url, refused.code]).toEqual([url, 2]);
        expect(refused.stderr).not.toContain('hidden');
      }
    } finally {
      other.remove();
    }
  });

  it('cancels the answer on Ctrl-C and ends with 130', async () => {
    const child = spawnMoltbot(['chat', '-m', 'demo:tokens=2000,rate=20ms', 'x'], { home: home.path });
    child.stdin?.end();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
  });

  it('ends quietly when its reader goes away', async () => {
    const child = spawnMoltbot(['chat', '-m', 'demo:tokens=2000,rate=1ms', 'x'], { home: home.path });
    let stderr = '';
    child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
    child.stdin?.end();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.stdout?.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('answers in Chinese where the locale says so', async () => {
    const { stderr } = await moltbot(['chat', '-m', 'demo:tokens=3', 'x'], {
      home: home.path,
      env: { LANG: 'zh_CN.UTF-8' },
    });
    expect(stderr).toContain('模拟（SIMULATED）');
    const help = await moltbot(['--help'], { home: home.path, env: { MOLTBOT_LANG: 'zh' } });
    expect(help.stdout).toContain('用法： moltbot');
    expect(help.stdout).not.toMatch(/[a-z]{3,} [a-z]{3,} [a-z]{3,}/);
  });
});

describe('a session', () => {
  it('keeps the conversation, forgets it, changes model and system prompt, and goes on after a failure', async () => {
    const lines = [
      '/model demo:tokens=4',
      'one',
      'two',
      '/new',
      'three',
      '/model no-such-model',
      'four',
      '/model demo:tokens=4',
      'five',
    ];
    const { code, stdout } = await run(['chat', '-i', '--json'], `${lines.join('\n')}\n`);
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => json(line));
    const inputs = answers.map(({ usage }) => (usage as { readonly input: number } | undefined)?.input ?? 0);
    expect(answers[3]).toMatchObject({ error: { code: 'model_not_found' } });
    expect(inputs[1]).toBeGreaterThan(inputs[0] ?? 0);
    expect(inputs[2]).toBeLessThan(inputs[1] ?? 0);
    expect(answers).toHaveLength(5);
    expect(code).toBe(0);
  });

  it('ends with the last answer’s code, and /exit ends it before what follows', async () => {
    const { code, stdout } = await run(['chat', '-i', '-m', 'demo:cut=3'], 'Hello\n/exit\nNever asked\n');
    expect(code).toBe(5);
    expect(stdout).not.toContain('Never asked');
  });

  it('lists models, helps, and knows what it does not know', async () => {
    const { stdout, code } = await run(['chat', '-i'], '/help\n/models\n/system Be brief\n/nothing\n');
    expect(code).toBe(0);
    expect(stdout).toContain('/system TEXT');
    expect(stdout).toMatch(/^default$/m);
    expect(stdout).toContain('system prompt: Be brief');
    expect(stdout).toContain('There is no /nothing.');
  });

  it('writes no history of what came through a pipe', () => {
    expect(existsSync(join(home.path, 'chat-history'))).toBe(false);
  });
});

describe('moltbot models', () => {
  it('lists chains and models of the running server, and those of the file where none runs', async () => {
    const { models, source } = json((await run(['models', 'list', '--json'])).stdout) as {
      readonly models: readonly { readonly id: string }[];
      readonly source: string;
    };
    expect(source).toBe('server');
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(['default', 'rescued']));
    const other = temporaryHome({
      server: { port: 1 },
      models: { primary: 'openai:gpt-5', fallbacks: ['demo:assistant'] },
    });
    try {
      const alone = await moltbot(['models', 'list'], { home: other.path });
      expect(alone.code).toBe(0);
      expect(alone.stderr).toContain('No server runs');
      expect(alone.stdout).toContain('openai:gpt-5 → demo:assistant');
      const named = await moltbot(['models', 'list', '--url', 'http://127.0.0.1:1'], { home: other.path });
      expect(named.code).toBe(3);
    } finally {
      other.remove();
    }
  });

  it('tests each model, says what to do about those that fail, and ends with 1', async () => {
    const { code, stdout, stderr } = await run(['models', 'test', 'demo:tokens=8', 'demo:status=503', 'default']);
    expect(code).toBe(1);
    expect(stderr).toContain('testing demo:status=503 …');
    expect(stdout).toMatch(/✓ demo:tokens=8 {2}answered by demo:tokens=8 in \d+ ms/);
    expect(stdout).toMatch(/✗ demo:status=503 {2}upstream_overloaded: .*\n {2}\S/);
    expect(stdout).toContain('✓ default  answered by demo:tokens=8');
    const good = await run(['models', 'test', '--json', 'demo:tokens=8']);
    expect(good.code).toBe(0);
    expect(json(good.stdout)).toMatchObject({ models: [{ model: 'demo:tokens=8', ok: true }] });
  });

  it('tests every member of every chain where none is named', async () => {
    const { stdout, code } = await run(['models', 'test', '--json']);
    expect(code).toBe(1);
    const { models } = json(stdout) as { readonly models: readonly { readonly model: string; readonly ok: boolean }[] };
    expect(Object.fromEntries(models.map(({ model, ok }) => [model, ok]))).toEqual({
      'demo:status=503,tokens=8': false,
      'demo:tokens=8': true,
      'demo:cut=3': false,
      'demo:tokens=20': true,
    });
  });
});

describe('another program at the address', () => {
  it('is not taken for a MoltBot: no answer of it counts as whole', async () => {
    const stranger = createServer((_request, response: ServerResponse) => response.end('<html>hello</html>'));
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as { readonly port: number };
    const url = `http://127.0.0.1:${port}`;
    try {
      expect((await run(['chat', '--url', url, 'x'])).code).toBe(5);
      expect((await run(['models', 'list', '--url', url])).code).toBe(3);
    } finally {
      stranger.close();
    }
  });
});
