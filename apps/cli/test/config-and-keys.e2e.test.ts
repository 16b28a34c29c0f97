import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, moltbot, type RunningMoltbot, startMoltbot, temporaryHome } from './moltbot.js';

const home = temporaryHome();
afterAll(() => home.remove());

const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  moltbot(args, { home: home.path, env });
const json = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('moltbot config', () => {
  const SECRET = 'sk-test-1234567890abcdef1234567890abcdef';

  beforeAll(() => {
    writeFileSync(
      home.configFile,
      '# ours\nmodels:\n  primary: demo:assistant # the demo\nserver: { port: 0, metrics_port: 0 }\nworker: { metrics_port: 0 }\n',
    );
    writeFileSync(join(home.path, 'auth.json'), JSON.stringify({ openai: { type: 'api_key', key: SECRET } }), {
      mode: 0o600,
    });
  });

  it('sets one value and keeps comments', async () => {
    const { code, stdout } = await run(['config', 'set', 'models.retry_policy.max_attempts', '5']);
    expect(code).toBe(0);
    expect(stdout).toBe('models.retry_policy.max_attempts: 5\n');
    expect(home.config()).toContain('# ours\nmodels:\n  primary: demo:assistant # the demo\n');
    expect(home.config()).toContain('max_attempts: 5');
  });

  it('refuses a bad value and an unknown key, changes nothing, and ends with 4', async () => {
    const before = home.config();
    const bad = await run(['config', 'set', 'models.retry_policy.max_attempts', 'many']);
    expect(bad.code).toBe(4);
    expect(bad.stderr).toContain('models.retry_policy.max_attempts');
    const unknown = await run(['config', 'set', 'models.primry', 'x']);
    expect(unknown.code).toBe(4);
    expect(unknown.stderr).toContain('primary');
    expect(home.config()).toBe(before);
  });

  it('shows each value with its origin and no secret', async () => {
    const { code, stdout } = await run(['config', 'show', '--origin'], { MOLTBOT_LOGS_LEVEL: 'debug' });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^models.primary +demo:assistant +${home.configFile}:3$`, 'm'));
    expect(stdout).toMatch(/^logs.level +debug +MOLTBOT_LOGS_LEVEL$/m);
    expect(stdout).toMatch(/^server.host +127.0.0.1 +default$/m);
    expect(stdout).toMatch(/^auth.json: openai +api_key \*\*\* /m);
    const asJson = await run(['config', 'show', '--json']);
    expect(json(asJson.stdout)['settings']).toContainEqual({
      key: 'models.primary',
      value: 'demo:assistant',
      origin: { kind: 'file', file: home.configFile, line: 3 },
    });
    expect(stdout + asJson.stdout).not.toContain(SECRET);
  });

  it('does not echo a secret that is set', async () => {
    const value = `{kind: openai-compatible, base_url: "http://127.0.0.1:1/v1", headers: {Authorization: "Bearer ${SECRET}"}}`;
    const { code, stdout, stderr } = await run(['config', 'set', 'providers.mine', value]);
    expect(code).toBe(0);
    expect(home.config()).toContain(SECRET);
    expect(stdout).toContain('providers.mine.base_url: http://127.0.0.1:1/v1');
    expect(stdout + stderr).not.toContain(SECRET);
  });

  it('finds every mistake of both files at once', async () => {
    const broken = temporaryHome({ timeouts: { total: 'soon' }, modls: {} });
    try {
      writeFileSync(join(broken.path, 'auth.json'), '{"openai": {"type": "api_key"}}', { mode: 0o600 });
      const checked = await moltbot(['config', 'validate', '--json'], { home: broken.path });
      expect(checked.code).toBe(4);
      const { problems } = json(checked.stdout)['error'] as { readonly problems: readonly string[] };
      expect(problems.join('\n')).toMatch(/timeouts\.total[\s\S]*auth\.json/);
      const text = await moltbot(['config', 'validate'], { home: broken.path });
      expect(text.stderr).toContain(`${broken.configFile}:1: timeouts.total`);
    } finally {
      broken.remove();
    }
  });

  it('says that all is well, and warns of a file that others can read', async () => {
    const authFile = join(home.path, 'auth.json');
    chmodSync(authFile, 0o644);
    const { code, stdout, stderr } = await run(['config', 'validate']);
    chmodSync(authFile, 0o600);
    expect(code).toBe(0);
    expect(stdout).toContain('No mistakes in');
    expect(stderr).toContain('chmod 600');
    expect(statSync(authFile).mode & 0o777).toBe(0o600);
  });

  it('prints where the files are and a complete example', async () => {
    expect((await run(['config', 'path'])).stdout).toContain(home.configFile);
    expect((await run(['config', 'example'])).stdout).toContain('models:');
  });
});

describe('moltbot keys, on a server that demands them', () => {
  const guarded = temporaryHome({ server: { access: 'api_key' } });
  let server: RunningMoltbot;
  let key: string;
  const keys = async (...args: readonly string[]) => moltbot(['keys', ...args], { home: guarded.path });
  const chat = async (...args: readonly string[]) =>
    moltbot(['chat', '-m', 'demo:tokens=3', ...args, 'x'], { home: guarded.path });

  beforeAll(async () => {
    // Before any server ran: the command brings the database itself.
    const made = await keys('create', 'laptop', '--expires', '90d');
    // Here it is asked for.
    expect(made.stderr).not.toContain('server.access');
    expect(made.code).toBe(0);
    expect(made.stderr).toContain('shown only now');
    key = made.stdout.trim();
    server = await startMoltbot({ home: guarded.path, args: ['--no-worker'] });
  });
  afterAll(async () => {
    await server.end();
    guarded.remove();
  });

  it('lets in who has one, by option or variable, and nobody else', async () => {
    expect((await chat('--key', key)).code).toBe(0);
    const env = { MOLTBOT_API_KEY: key };
    const byVariable = await moltbot(['chat', '-m', 'demo:tokens=3', 'x'], { home: guarded.path, env });
    expect(byVariable.code).toBe(0);
    expect(byVariable.stderr).not.toContain('MOLTBOT_API_KEY');
    const without = await chat();
    expect(without.code).toBe(1);
    expect(without.stderr).toContain('./moltbot keys create NAME');
    expect((await chat('--key', 'mb_wrong')).code).toBe(1);
    expect((await chat('--key', 'two words')).code).toBe(2);
  });

  it('lists them without the key itself', async () => {
    const listed = await keys('list', '--json');
    expect(listed.stdout).not.toContain(key);
    expect(json(listed.stdout)).toMatchObject({ keys: [{ name: 'laptop', state: 'active', scopes: ['chat'] }] });
    expect((await keys('list')).stdout).toMatch(/^laptop +mb_\S+ +active +chat +\d{4}-/m);
  });

  it('say where nobody asks for them', async () => {
    const open = temporaryHome({});
    try {
      const made = await moltbot(['keys', 'create', 'early'], { home: open.path });
      expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('server.access: api_key') });
    } finally {
      open.remove();
    }
  });

  it('refuses a taken name, an unknown scope and a senseless lifetime with 2', async () => {
    const taken = await keys('create', 'laptop');
    expect(taken).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('"laptop"') });
    expect((await keys('create', 'x', '--scopes', 'chat,root')).code).toBe(2);
    expect((await keys('create', 'x', '--expires', 'soon')).code).toBe(2);
    expect((await keys('create', 'x', '--expires', '9999999999999d')).code).toBe(2);
  });

  it('changes what one may do, and says what it is now', async () => {
    const updated = await keys(
      'update',
      'laptop',
      '--models',
      'demo:*',
      '--requests-per-minute',
      '600',
      '--budget-day',
      '5',
    );
    expect(updated).toMatchObject({ code: 0, stdout: expect.stringContaining('within a second') });
    const shown = await keys('show', 'laptop');
    expect(shown.stdout).toMatch(/^STATE +active$/m);
    expect(shown.stdout).toMatch(/demo:\*$/m);
    expect(shown.stdout).toMatch(/requests_per_minute 600, budget_per_day 5$/m);
    expect(shown.stdout).toMatch(/^SPENT TODAY \(UTC\) +0 /m);
    expect(shown.stdout + updated.stdout).not.toContain(key);
    // The running server knows.
    await eventually(async () => (await chat('--key', key, '-m', 'default')).code === 1);
    expect((await keys('update', 'laptop', '--models', 'all', '--budget-day', 'none', '--expires', 'never')).code).toBe(
      0,
    );
    expect(json((await keys('show', 'laptop', '--json')).stdout)).toMatchObject({
      models: null,
      limits: { requests_per_minute: 600 },
      expiresAt: null,
      budgets: null,
    });
    await eventually(async () => (await chat('--key', key)).code === 0);
  });

  it.each([
    ['update', 'laptop'],
    ['update', 'laptop', '--models', 'openai:gpt-*'],
    ['update', 'laptop', '--scopes', 'root'],
    ['update', 'laptop', '--parallel', '0'],
    ['update', 'laptop', '--parallel', ''],
    ['update', 'laptop', '--budget-day=-1'],
    ['update', 'laptop', '--expires', 'soon'],
    ['rotate', 'laptop', '--grace', '31d'],
  ])('refuses `keys %s %s %s %s` with 2', async (...args) => {
    const refused = await keys(...args);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).not.toContain('    at ');
  });

  it('gives one another secret, and the former one lives as long as is said', async () => {
    const rotated = await keys('rotate', 'laptop', '--grace', '1h');
    expect(rotated.code).toBe(0);
    expect(rotated.stderr).toContain('taken for 1h more');
    const secret = rotated.stdout.trim();
    expect((await chat('--key', secret)).code).toBe(0);
    expect((await chat('--key', key)).code).toBe(0);
    const again = json((await keys('rotate', 'laptop', '--json')).stdout);
    await eventually(async () => (await chat('--key', secret)).code === 1);
    key = String(again['key']);
    expect((await chat('--key', key)).code).toBe(0);
    expect((await keys('rotate', 'nobody')).code).toBe(1);
  });

  it('leaves in the audit log what was done by command and who was refused', async () => {
    const audit = async (...args: readonly string[]) => moltbot(['audit', ...args], { home: guarded.path });
    const acts = json((await audit('--action', 'key', '--json')).stdout)['entries'] as Record<string, unknown>[];
    expect(acts.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['key.create', 'key.update', 'key.rotate']),
    );
    expect(acts[0]).toMatchObject({ actor: 'local', actorName: expect.any(String), outcome: 'allowed' });
    const denied = await audit('--denied', '--since', '1h');
    expect(denied.code).toBe(0);
    expect(denied.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +unknown +127\.0\.0\.1 +request +\/v1\/\S+ +\w+/m);
    expect((await audit('--denied', '--since', '2099-01-01')).stdout).toBe(
      'Nothing of that kind is in the audit log.\n',
    );
    expect((await audit('--json', '--limit', '10000')).stdout).not.toContain(key);
    for (const args of [
      ['--since', 'never'],
      ['--limit', '0'],
      ['--limit', '1e9'],
    ]) {
      expect((await audit(...args)).code).toBe(2);
    }
  });

  it('revokes by name, once', async () => {
    expect((await keys('create', 'old', '--scopes', 'chat, admin')).code).toBe(0);
    expect((await keys('revoke', 'old')).code).toBe(0);
    const again = await keys('revoke', 'old');
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('`old`') });
    const { keys: all } = json((await keys('list', '--json')).stdout) as { keys: { name: string; state: string }[] };
    expect(all.find(({ name }) => name === 'old')?.state).toBe('revoked');
  });
});

describe('the command line', () => {
  it('shows its version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('suggests the nearest command and option, and ends with 2', async () => {
    expect(await run(['statsu'])).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean `status`?') });
    expect(await run(['keys', 'lst'])).toMatchObject({ code: 2, stderr: expect.stringContaining('`list`') });
    expect(await run(['start', '--prot', '1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('`--port`') });
    expect(await run(['status', 'now'])).toMatchObject({ code: 2, stderr: expect.stringContaining('`now`') });
    const asJson = await run(['statsu', '--json']);
    expect(json(asJson.stdout)).toMatchObject({ error: { code: 'usage' } });
  });

  it('says in Chinese what is wrong', async () => {
    const { stderr, code } = await run(['statsu'], { LANG: 'zh_CN.UTF-8' });
    expect(code).toBe(2);
    expect(stderr).toBe('没有命令 `statsu`。 是否想用 `status`？\n参见：./moltbot --help\n');
  });

  it('reports with 3 that nothing runs', async () => {
    const { code, stderr, stdout } = await run(['status']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^primary +not running/m);
    expect(stderr).toContain('./moltbot start');
  });
});
