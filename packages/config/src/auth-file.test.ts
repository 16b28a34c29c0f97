import { readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { temporaryHome } from './__fixtures__/temporary-home.js';
import { loadAuthFile, parseAuthFile } from './auth-file.js';
import type { ConfigError } from './problems/config-problem.js';
import { secretSourceText } from './secret-source.js';
import { chooseOAuthClient, putCredential, putOAuthEntry, removeCredential } from './edit-auth-file.js';

const home = temporaryHome();

function refusal(text: string): readonly string[] {
  try {
    parseAuthFile({ text, file: 'auth.json' });
  } catch (error) {
    return (error as ConfigError).message.split('\n');
  }
  return [];
}

describe('auth.json', () => {
  it('gives credentials in its order, with keys that print as stars', () => {
    const credentials = parseAuthFile({
      file: 'auth.json',
      text: `{
        "openai:team-b": { "type": "api_key", "key": "sk-canary" },
        "anthropic": { "type": "oauth", "client_id": "cli", "scopes": ["model:read", "model:execute"] },
        "openai": { "type": "api_key", "key": "sk-second" },
        "gemini": { "type": "oauth", "client_id": "cli", "client_secret": "canary-2" }
      }`,
    });
    expect(credentials.map(({ id, provider }) => [id, provider])).toEqual([
      ['openai:team-b', 'openai'],
      ['anthropic', 'anthropic'],
      ['openai', 'openai'],
      ['gemini', 'gemini'],
    ]);
    expect(credentials[0]?.entry).toEqual({ type: 'api_key', key: new Secret('sk-canary') });
    expect(credentials[1]?.entry).toEqual({ type: 'oauth', client_id: 'cli', scopes: ['model:read', 'model:execute'] });
    const first = credentials[0]?.entry;
    expect(first?.type === 'api_key' && secretSourceText(first.key)).toBe('sk-canary');
    expect(JSON.stringify(credentials)).not.toMatch(/canary|sk-second/);
  });

  it('may be missing, empty, or hold nothing', async () => {
    expect(await loadAuthFile({ file: home.paths.authFile })).toEqual({ credentials: [], warnings: [] });
    expect(parseAuthFile({ text: ' \n', file: '' })).toEqual([]);
    expect(parseAuthFile({ text: '{}', file: '' })).toEqual([]);
  });

  it('is told what is wrong with it, without any of its values', () => {
    const text = `{
  "openai": { "type": "api_key", "kye": "sk-canary" },
  "anthropic": { "type": "oath", "client_id": "canary" },
  "gemini": { "key": "sk-canary" },
  "a b": { "type": "api_key", "key": "sk-canary" },
  "mine": { "type": "api_key", "key": "" },
  "other": { "type": "oauth", "clientId": "canary", "scopes": "model:read" },
  "list": [],
  "text": "sk-canary"
}`;
    expect(refusal(text)).toEqual([
      'auth.json:2: openai.key: is missing; expected text',
      'auth.json:2: openai.kye: unknown key; did you mean `openai.key`?',
      'auth.json:3: anthropic.type: expected one of api_key, oauth; found "oath"',
      'auth.json:4: gemini.type: is missing; expected one of api_key, oauth',
      'auth.json:5: "(a name of 3 characters)": expected `provider` or `provider:account` (letters, digits, _ . - and, in an account, @ +)',
      'auth.json:6: mine.key: expected a value',
      'auth.json:7: other.client_id: is missing; expected text',
      'auth.json:7: other.scopes: expected a list of texts; found "model:read"',
      'auth.json:7: other.clientId: unknown key; did you mean `other.client_id`?',
      'auth.json:8: list: expected an object in { }; found a list',
      'auth.json:9: text: expected an object in { }',
    ]);
    expect(refusal('[]')).toEqual(['auth.json:1: expected an object in { }; found a list']);
  });

  it('says no secret that was pasted in the wrong place', () => {
    const [line] = refusal('{"sk-ant-canary 1": {"type": "api_key", "key": "x"}}');
    expect(line).toMatch(/^auth\.json:1: "\(a name of 15 characters\)": expected/);
  });

  it.each([
    [0o600, []],
    [0o400, []],
    [0o644, ['0644']],
    [0o660, ['0660']],
    [0o604, ['0604']],
  ])('with mode %o is warned of where others can get at it', async (mode, shown) => {
    await home.writeAuth('{}', mode);
    const { warnings } = await loadAuthFile({ file: home.paths.authFile });
    const file = home.paths.authFile;
    expect(warnings).toEqual(
      shown.map((octal) => ({
        kind: 'auth_file_mode',
        message: `${file} has mode ${octal}: other users of this machine can get at its keys; run chmod 600 ${file}`,
        command: `chmod 600 ${file}`,
      })),
    );
    expect(await loadAuthFile({ file, platform: 'win32' })).toEqual({ credentials: [], warnings: [] });
  });
});

describe('putCredential', () => {
  const read = async () => JSON.parse(await readFile(home.paths.authFile, 'utf8')) as Record<string, unknown>;
  const key = (text: string) => ({ type: 'api_key', key: text }) as const;

  it('makes the file for its owner only, and leaves nothing else behind', async () => {
    await putCredential({ paths: home.paths, id: 'openai', entry: key('a') });
    expect(await read()).toEqual({ openai: { type: 'api_key', key: 'a' } });
    expect((await stat(home.paths.authFile)).mode & 0o777).toBe(0o600);
    expect(await readdir(home.paths.home)).toEqual(['auth.json']);
  });

  it('keeps the order, replaces in place, and mends the mode', async () => {
    const oauth = { type: 'oauth', client_id: 'c', scopes: ['s'], client_secret: 'x' };
    await home.writeAuth(JSON.stringify({ openai: key('a'), anthropic: oauth, gemini: key('b') }), 0o644);
    await putCredential({ paths: home.paths, id: 'openai', entry: key('new') });
    await putCredential({ paths: home.paths, id: 'openai:b', entry: key('last') });
    expect(Object.entries(await read())).toEqual([
      ['openai', key('new')],
      ['anthropic', oauth],
      ['gemini', key('b')],
      ['openai:b', key('last')],
    ]);
    expect((await stat(home.paths.authFile)).mode & 0o777).toBe(0o600);
  });

  it('loses none of many that come at the same time', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `openai:a${index}`);
    await Promise.all(ids.map((id) => putCredential({ paths: home.paths, id, entry: key(id) })));
    expect(Object.keys(await read()).sort()).toEqual(ids.sort());
    expect(await readdir(home.paths.home)).toEqual(['auth.json']);
  });

  it('writes nothing where the file, the id or the entry is wrong', async () => {
    await home.writeAuth('{"openai": ', 0o600);
    await expect(putCredential({ paths: home.paths, id: 'a', entry: key('a') })).rejects.toThrow('expected a value');
    expect(await readFile(home.paths.authFile, 'utf8')).toBe('{"openai": ');
    await home.writeAuth('{}');
    for (const id of ['a b', '__proto__', '']) {
      await expect(putCredential({ paths: home.paths, id, entry: key('a') })).rejects.toMatchObject({
        code: 'config_invalid',
      });
    }
    await expect(putCredential({ paths: home.paths, id: 'a', entry: key('') })).rejects.toThrow('expected a value');
    expect(await readFile(home.paths.authFile, 'utf8')).toBe('{}');
    expect(await readdir(home.paths.home)).toEqual(['auth.json']);
  });

  it('takes one away, and says whether it was there', async () => {
    await home.writeAuth(JSON.stringify({ openai: key('a'), gemini: key('b') }));
    expect(await removeCredential({ paths: home.paths, id: 'openai' })).toBe(true);
    expect(await removeCredential({ paths: home.paths, id: 'openai' })).toBe(false);
    expect(await read()).toEqual({ gemini: key('b') });
  });

  it('changes client, scopes and grant of an entry, and keeps nothing of another client', async () => {
    const before = { type: 'oauth', client_id: 'one', scopes: ['a'], client_secret: 'canary', account: 'me' } as const;
    await home.writeAuth(JSON.stringify({ anthropic: before }));
    const stored = parseAuthFile({ text: JSON.stringify({ anthropic: before }), file: 'auth.json' })[0]?.entry;
    const put = async (choice: Parameters<typeof chooseOAuthClient>[1]) => {
      const entry = chooseOAuthClient(stored, choice);
      if (entry === undefined) throw new Error('no client');
      await putOAuthEntry({ paths: home.paths, id: 'anthropic', entry });
      return read();
    };
    expect(await put({ scopes: ['b', 'b'] })).toEqual({ anthropic: { ...before, scopes: ['b'] } });
    expect(await put({ clientId: 'one', grant: 'device_code' })).toEqual({
      anthropic: { ...before, grant: 'device_code' },
    });
    expect(await put({ clientId: 'two' })).toEqual({ anthropic: { type: 'oauth', client_id: 'two', scopes: ['a'] } });
    expect(chooseOAuthClient(undefined, { scopes: ['a'] })).toBeUndefined();
    expect(chooseOAuthClient({ type: 'api_key', key: new Secret('canary') }, { clientId: 'x' })).toEqual({
      type: 'oauth',
      client_id: 'x',
      scopes: [],
    });
  });
});
