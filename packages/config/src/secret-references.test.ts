import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { ConfigWarning } from './auth-file.js';
import { isWritableByOthers } from './files/writable-by-others.js';
import { createSecretResolver, type SecretResolver, type SecretResolverOptions } from './secret-references.js';
import type { SecretReference } from './stored-credential.js';

const PEM = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----';

let home: string;
let clock: number;
let warnings: ConfigWarning[];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'moltbot-secrets-'));
  clock = 0;
  warnings = [];
});
afterEach(() => rm(home, { recursive: true, force: true }));

function resolver(options: Partial<SecretResolverOptions> = {}): SecretResolver {
  return createSecretResolver({
    env: { PATH: process.env['PATH'] },
    paths: { home },
    homeDirectory: home,
    execAllowed: () => true,
    onWarning: (warning) => warnings.push(warning),
    now: () => clock,
    ...options,
  });
}

const reference = (text: string): SecretReference => {
  const [from = '', ...name] = text.split(':');
  return { from: from as SecretReference['from'], name: name.join(':') };
};

async function reveal(secrets: SecretResolver, text: string): Promise<string> {
  return (await secrets.resolve(reference(text))).reveal();
}

async function refusal(secrets: SecretResolver, text: string): Promise<string> {
  try {
    await secrets.resolve(reference(text));
  } catch (error) {
    expect(error).toBeInstanceOf(MoltbotError);
    expect(error).toMatchObject({ code: 'credential_missing' });
    return (error as Error).message;
  }
  throw new Error('it was resolved');
}

async function runs(): Promise<number> {
  return (await readFile(join(home, 'runs'), 'utf8').catch(() => '')).length;
}

describe('a secret that stands in auth.json itself', () => {
  it('is given as it is, at once', () => {
    const secret = new Secret('exec:not this');
    expect(resolver().resolve(secret)).toBe(secret);
  });
});

describe('env:', () => {
  it('is looked up at once, each time', () => {
    const env: Record<string, string> = { KEY: ' one\n' };
    const secrets = resolver({ env });
    expect(secrets.resolve(reference('env:KEY'))).toMatchObject(new Secret('one'));
    env['KEY'] = 'two';
    expect((secrets.resolve(reference('env:KEY')) as Secret).reveal()).toBe('two');
  });

  it('that is missing or empty is named', async () => {
    const secrets = resolver({ env: { EMPTY: ' ' } });
    expect(await refusal(secrets, 'env:NOT_THERE')).toContain('env:NOT_THERE');
    expect(await refusal(secrets, 'env:EMPTY')).toContain('empty');
  });
});

describe('file:', () => {
  it('is its first line, from the home folder, from ~ or from anywhere; all of it where it is PEM', async () => {
    await writeFile(join(home, 'key'), '\uFEFF  key-1  \r\nuser: me\n', { mode: 0o600 });
    await writeFile(join(home, 'pem'), `${PEM}\n`, { mode: 0o600 });
    const secrets = resolver();
    for (const name of ['key', '~/key', './key', join(home, 'key')]) {
      expect(await reveal(secrets, `file:${name}`)).toBe('key-1');
    }
    expect(await reveal(secrets, 'file:pem')).toBe(PEM);
    expect(warnings).toEqual([]);
  });

  it('that is missing, a folder, a pipe, empty, too large or no text is named, and nothing of it shown', async () => {
    await mkdir(join(home, 'folder'));
    await writeFile(join(home, 'empty'), '\n\n');
    await writeFile(join(home, 'large'), `CANARY${'x'.repeat(70_000)}`);
    await writeFile(join(home, 'utf16'), Buffer.from('CANARY', 'utf16le'));
    await writeFile(join(home, 'binary'), Buffer.from([0xff, 0xfe, 0x00]));
    execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(home, 'pipe')]);
    const secrets = resolver();
    for (const name of ['missing', 'folder', 'empty', 'large', 'utf16', 'binary', 'pipe', 'empty/below']) {
      const message = await refusal(secrets, `file:${name}`);
      expect(message).toContain(`file:${name}`);
      expect(message).not.toContain('CANARY');
    }
  });

  it('that others can read is used, and warned of once with what mends it', async () => {
    const file = join(home, "it's open");
    await writeFile(file, 'key');
    await chmod(file, 0o644);
    const secrets = resolver();
    expect(await reveal(secrets, `file:${file}`)).toBe('key');
    secrets.forget(reference(`file:${file}`));
    await reveal(secrets, `file:${file}`);
    expect(warnings).toEqual([expect.objectContaining({ kind: 'secret_file_mode' })]);
    execFileSync('/bin/sh', ['-c', warnings[0]?.command ?? 'false']);
    const again = resolver();
    warnings = [];
    await reveal(again, `file:${file}`);
    expect(warnings).toEqual([]);
  });

  it('is looked for again after a failure also where the clock was set back meanwhile', async () => {
    jest.useFakeTimers({ now: Date.now(), doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const secrets = createSecretResolver({ env: {}, paths: { home }, homeDirectory: home, execAllowed: () => true });
      expect(await refusal(secrets, 'file:later')).toContain('there is no such file');
      await writeFile(join(home, 'later'), 'come', { mode: 0o600 });
      jest.setSystemTime(Date.now() - 86_400_000);
      jest.advanceTimersByTime(6_000);
      expect(await reveal(secrets, 'file:later')).toBe('come');
    } finally {
      jest.useRealTimers();
    }
  });

  it('is read again after 5 minutes, and at once after it was rejected', async () => {
    const file = join(home, 'key');
    await writeFile(file, 'one');
    const secrets = resolver();
    expect(await reveal(secrets, 'file:key')).toBe('one');
    await writeFile(file, 'two');
    clock += 299_999;
    expect(secrets.resolve(reference('file:key'))).toBeInstanceOf(Secret);
    expect(await reveal(secrets, 'file:key')).toBe('one');
    clock += 1;
    expect(await reveal(secrets, 'file:key')).toBe('two');
    await writeFile(file, 'three');
    secrets.forget(reference('file:key'));
    expect(await reveal(secrets, 'file:key')).toBe('three');
  });
});

describe('exec:', () => {
  it('is what a command writes, run in the home folder with the environment and nothing to read', async () => {
    const secrets = resolver({ env: { PATH: process.env['PATH'], NAME: 'value' } });
    expect(await reveal(secrets, 'exec:printf "%s" "$NAME"; cat')).toBe('value');
    expect(await reveal(secrets, 'exec:pwd')).toBe(home);
    expect(await reveal(secrets, `exec:echo '${PEM}'`)).toBe(PEM);
    expect(await reveal(secrets, 'exec:echo key; echo second line >&2; echo more')).toBe('key');
  });

  it('that fails is told apart, without what it wrote and without the rest of its command line', async () => {
    const secrets = resolver();
    const cases: [string, RegExp][] = [
      ['exec:echo CANARY; echo CANARY >&2; exit 3', /exit code 3, after 7 bytes/],
      ['exec:echo CANARY; kill -9 $$', /SIGKILL/],
      ['exec:true CANARY', /empty/],
      ['exec:yes CANARY', /more than 65536 bytes/],
      ['exec:CANARY=1 no-such-program', /exit code 127/],
      ["exec:printf 'CANARY\\001'", /no text/],
    ];
    for (const [text, why] of cases) {
      const message = await refusal(secrets, text);
      expect(message).toMatch(why);
      expect(message).toContain('`exec:');
      expect(message).not.toContain('CANARY');
    }
  });

  it('that hangs is killed with all that it started', async () => {
    const secrets = resolver({ timeoutMs: 1_500 });
    const message = await refusal(secrets, 'exec:echo CANARY; sleep 300 & echo $! > child; wait');
    expect(message).toContain('1500 ms');
    expect(message).not.toContain('CANARY');
    const child = Number(await readFile(join(home, 'child'), 'utf8'));
    for (let look = 0; look < 100 && isAlive(child); look += 1) await pause(10);
    expect(isAlive(child)).toBe(false);
  });

  it('does not wait for what it leaves behind', async () => {
    const start = performance.now();
    expect(await reveal(resolver(), 'exec:(sleep 9; true) & echo key')).toBe('key');
    expect(performance.now() - start).toBeLessThan(8_000);
  });

  it('runs once for many who ask at the same time, also where it fails', async () => {
    const secrets = resolver();
    for (const end of ['echo key', 'exit 1']) {
      const before = await runs();
      const source = reference(`exec:printf x >> runs; sleep 0.1; ${end}`);
      await Promise.allSettled(Array.from({ length: 20 }, async () => secrets.resolve(source)));
      await Promise.allSettled(Array.from({ length: 20 }, async () => secrets.resolve(source)));
      expect((await runs()) - before).toBe(1);
    }
    clock += 5_001;
    await refusal(secrets, 'exec:printf x >> runs; sleep 0.1; exit 1');
    expect(await runs()).toBe(3);
  });

  it('serves its last answer while it runs again, but not for ever', async () => {
    const secrets = resolver();
    const source = 'exec:cat answer';
    await writeFile(join(home, 'answer'), 'one');
    expect(await reveal(secrets, source)).toBe('one');
    await rm(join(home, 'answer'));
    clock += 300_000;
    expect(secrets.resolve(reference(source))).toBeInstanceOf(Secret);
    clock += 299_000;
    expect(await reveal(secrets, source)).toBe('one');
    clock += 1_000;
    await refusal(secrets, source);
    await writeFile(join(home, 'answer'), 'two');
    secrets.forget(reference(source));
    expect(await reveal(secrets, source)).toBe('two');
  });

  it('gives nobody an answer that was forgotten while it was under way', async () => {
    const secrets = resolver();
    await writeFile(join(home, 'answer'), 'one');
    const source = reference('exec:cat answer; sleep 0.2');
    const first = secrets.resolve(source);
    await pause(100);
    await writeFile(join(home, 'answer'), 'two');
    secrets.forget(source);
    expect((await secrets.resolve(source)).reveal()).toBe('two');
    await first;
    expect((await secrets.resolve(source)).reveal()).toBe('two');
  });

  it('is not run where another user could have written it', async () => {
    const message = await refusal(resolver({ execAllowed: () => Promise.resolve(false) }), 'exec:printf x >> runs');
    expect(message).toContain('auth.json');
    expect(await runs()).toBe(0);
  });
});

describe('auth.json', () => {
  it('is writable by others by its mode, or by that of its folder', async () => {
    const file = join(home, 'auth.json');
    expect(await isWritableByOthers({ file })).toBe(false);
    await writeFile(file, '{}');
    for (const [mode, folder, expected] of [
      [0o600, 0o700, false],
      [0o644, 0o755, false],
      [0o660, 0o700, true],
      [0o602, 0o700, true],
      [0o600, 0o777, true],
      [0o600, 0o1777, false],
    ] as const) {
      await chmod(file, mode);
      await chmod(home, folder);
      expect([mode, folder, await isWritableByOthers({ file })]).toEqual([mode, folder, expected]);
      expect(await isWritableByOthers({ file, platform: 'win32' })).toBe(false);
    }
  });
});

/** A zombie that nobody has waited for is dead. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
