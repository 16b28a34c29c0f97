import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSealer } from '@moltbot/auth';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { fileKeyring, hungKeyring } from '../testing/file-keyring.js';
import { type OpenedSecretKey, openSecretKey, type OpenSecretKeyOptions } from './open-secret-key.js';
import { systemKeyring } from './system-keyring.js';

let folder: string;
let home: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-secret-key-'));
  home = join(folder, 'home');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const newKey = () => randomBytes(32).toString('base64');

function open(options: Partial<OpenSecretKeyOptions> = {}): Promise<OpenedSecretKey> {
  return openSecretKey({ paths: { home }, fromEnvironment: undefined, keyring: 'none', ...options });
}

async function refusal(options: Partial<OpenSecretKeyOptions> = {}, code = 'secret_key_unavailable'): Promise<string> {
  const error: unknown = await open(options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(MoltbotError);
  expect(error).toMatchObject({ code });
  return (error as Error).message;
}

describe('without a keyring the key', () => {
  it('is made once, in a file for its owner only, and is the same at the next start', async () => {
    const first = await open();
    expect(first).toMatchObject({ source: 'file', olderKeys: [] });
    expect((await open()).key.reveal()).toBe(first.key.reveal());
    expect(createSealer({ key: first.key }).keyId).toBe(first.keyId);
    expect((await readdir(home)).sort()).toEqual(['secret-key.json', 'secret.key']);
    expect((await stat(join(home, 'secret.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(home, 'secret-key.json'), 'utf8')).not.toContain(first.key.reveal());
  });

  it('is refused while others can read it, with the command that mends it', async () => {
    const { keyId } = await open();
    const file = join(home, 'secret.key');
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(file, mode);
      const message = await refusal();
      execFileSync('/bin/sh', ['-c', /`(chmod 600 [^`]+)`/.exec(message)?.[1] ?? 'false']);
      expect((await open()).keyId).toBe(keyId);
    }
    await chmod(file, 0o644);
    expect((await open({ platform: 'win32' })).keyId).toBe(keyId);
  });

  it('is not made anew where the file is gone, another one, cut short, or where its marker is damaged', async () => {
    const { keyId, key } = await open();
    const file = join(home, 'secret.key');
    await rm(file);
    expect(await refusal()).toContain(keyId);
    const other = newKey();
    for (const text of [other, key.reveal().slice(0, 20), '']) {
      await writeFile(file, text, { mode: 0o600 });
      const message = await refusal();
      expect(message).toContain(keyId);
      expect(message).not.toContain(other);
    }
    await writeFile(file, key.reveal());
    expect((await open()).keyId).toBe(keyId);
    for (const text of ['', '{', 'null', '{"source":"file"}', `{"source":"moon","keyId":"${keyId}"}`]) {
      await writeFile(join(home, 'secret-key.json'), text);
      expect(await refusal()).toContain('secret-key.json');
    }
    // What the message says to do helps.
    await rm(join(home, 'secret-key.json'));
    expect((await open()).keyId).toBe(keyId);
  });

  it('is not made by who only looks', async () => {
    await mkdir(home);
    await refusal({ create: false });
    expect(await readdir(home)).toEqual([]);
    const { keyId } = await open();
    expect((await open({ create: false })).keyId).toBe(keyId);
  });

  it('can’t be kept where no folder can be made: said in words', async () => {
    await writeFile(home, 'a file');
    expect(await refusal()).toContain(home);
  });
});

describe('with a keyring the key', () => {
  it('is kept there and nowhere else', async () => {
    const keyring = fileKeyring(join(folder, 'ring'));
    const { key, source, keyId } = await open({ keyring });
    expect(source).toBe('keyring');
    expect((await open({ keyring })).key.reveal()).toBe(key.reveal());
    expect(await readdir(home)).toEqual(['secret-key.json']);
    expect(await readFile(join(home, 'secret-key.json'), 'utf8')).toContain(keyId);
  });

  it('is not replaced by another where the keyring is gone, hangs or has lost it: the message says what to do', async () => {
    const keyring = fileKeyring(join(folder, 'ring'));
    const { keyId } = await open({ keyring });
    const without: Partial<OpenSecretKeyOptions>[] = [
      { keyring: 'none' },
      { keyring: hungKeyring, keyringTimeoutMs: 50 },
      { keyring: fileKeyring(join(folder, 'another ring')) },
    ];
    for (const options of without) {
      const message = await refusal(options);
      expect(message).toContain(keyId);
      expect(message).toContain('MOLTBOT_SECRET_KEY');
      expect(message).toContain(join(home, 'secret-key.json'));
    }
    expect(await readdir(home)).toEqual(['secret-key.json']);
    expect((await open({ keyring })).keyId).toBe(keyId);
  });

  it('goes to a file where the keyring hangs, refuses, or takes it and gives nothing back', async () => {
    const forgetful = { ...fileKeyring(join(folder, 'ring')), read: () => Promise.resolve(undefined) };
    const refusing = { ...hungKeyring, write: () => Promise.reject(new Error('AccessDenied')) };
    for (const keyring of [hungKeyring, forgetful, refusing]) {
      home = join(folder, randomBytes(4).toString('hex'));
      const start = performance.now();
      expect((await open({ keyring, keyringTimeoutMs: 100 })).source).toBe('file');
      expect(performance.now() - start).toBeLessThan(5_000);
    }
  });

  it('is whatever this machine’s keyring allows: there, or in a file; and the same at the next start', async () => {
    const { key, source, keyId } = await openSecretKey({ paths: { home }, fromEnvironment: undefined });
    expect(['keyring', 'file']).toContain(source);
    expect((await readdir(home)).includes('secret.key')).toBe(source === 'file');
    const again = await openSecretKey({ paths: { home }, fromEnvironment: undefined });
    expect([again.key.reveal(), again.source, again.keyId]).toEqual([key.reveal(), source, keyId]);
    if (source === 'keyring') await systemKeyring().remove(`secret-key ${keyId}`, AbortSignal.timeout(10_000));
  });
});

describe('MOLTBOT_SECRET_KEY', () => {
  it('goes before everything, and needs no folder that can be written', async () => {
    await writeFile(home, 'a file, so that nothing can be written under it');
    const text = newKey();
    const opened = await open({ fromEnvironment: new Secret(text) });
    expect(opened).toMatchObject({ source: 'environment', olderKeys: [] });
    expect(opened.key.reveal()).toBe(text);
  });

  it('may hold older keys too, and what was sealed before it was set still opens', async () => {
    const before = await open();
    const sealed = createSealer({ key: before.key }).seal('token', 'openai');
    const [newest, older] = [newKey(), newKey()];
    const opened = await open({ fromEnvironment: new Secret(`${newest},\n ${older}`) });
    expect(opened.key.reveal()).toBe(newest);
    expect(opened.olderKeys.map((key) => key.reveal())).toEqual([older, before.key.reveal()]);
    expect(createSealer(opened).open(sealed, 'openai')).toBe('token');
    expect((await open()).keyId).toBe(before.keyId);
  });

  it('is missed where it was there at first', async () => {
    const { keyId } = await open({ fromEnvironment: new Secret(newKey()) });
    expect(await refusal()).toContain(`${keyId} of MOLTBOT_SECRET_KEY`);
    expect(await readdir(home)).toEqual(['secret-key.json']);
  });

  it('that is no key is refused, and not shown', async () => {
    for (const text of ['CANARY', `${newKey()} CANARY`, ',']) {
      const message = await refusal({ fromEnvironment: new Secret(text) }, 'config_invalid');
      expect(message).toMatch(/^MOLTBOT_SECRET_KEY: .*openssl rand -base64 32/);
      expect(message).not.toContain('CANARY');
    }
  });
});

describe('several processes that start at the same time', () => {
  it.each(['none', 'ring'])('end with the same key (keyring: %s)', async (kind) => {
    const keyring = kind === 'none' ? kind : join(folder, kind);
    const answers = await Promise.all(Array.from({ length: 6 }, () => startProcess(keyring).ended));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(kind === 'none' ? /^file \w{12}$/ : /^keyring \w{12}$/);
    // Nothing is left of the keys that were not taken.
    expect((await readdir(home)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    if (kind === 'ring') expect(await readdir(keyring)).toHaveLength(1);
  });

  it('and inside one process too', async () => {
    const opened = await Promise.all(Array.from({ length: 10 }, () => open()));
    expect(new Set(opened.map(({ keyId }) => keyId)).size).toBe(1);
  });

  it('leave a key that can be opened wherever they are killed', async () => {
    for (let round = 0; round < 6; round += 1) {
      home = join(folder, `home-${round}`);
      const started = startProcess('none');
      while (!(await readdir(home).catch(() => [])).length) await pause(1);
      await pause(round / 2);
      started.kill();
      await started.ended.catch(() => undefined);
      const first = await open();
      expect((await open()).keyId).toBe(first.keyId);
    }
  });
});

interface Started {
  readonly ended: Promise<string>;
  kill(): void;
}

const LOADER = fileURLToPath(new URL('../../../storage/src/__fixtures__/source-loader.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../testing/secret-key-process.ts', import.meta.url));

function startProcess(keyring: string): Started {
  const argv = [
    '--disable-warning=ExperimentalWarning',
    '--conditions=source',
    '--import',
    LOADER,
    PROGRAM,
    home,
    keyring,
  ];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    kill: () => void child.kill('SIGKILL'),
    ended: new Promise((resolve, reject) => {
      child.on('close', (code) => (code === 0 ? resolve(output.trim()) : reject(new Error(`it ended with ${code}`))));
    }),
  };
}
