import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HTML_OF_A_PROXY } from '@moltbot/auth/testing';
import { MoltbotError } from '@moltbot/contracts';
import { CANARIES, checksOf, findingsOf, openRig, type Rig, type RigOptions } from './doctor-rig.js';

const rigs: Rig[] = [];
async function rig(options?: RigOptions): Promise<Rig> {
  const opened = await openRig(options);
  rigs.push(opened);
  return opened;
}
afterEach(async () => {
  for (const opened of rigs.splice(0)) await opened.close();
});

const HOUR = 3_600_000;
const ACCOUNT_CHECKS = [
  'credentials.store',
  'provider.credential',
  'credential.sign-in',
  'credential.refresh',
  'credential.scopes',
];

describe('a sign-in that has ended', () => {
  it('is told from one that never was', async () => {
    const { doctor } = await rig({ signIn: false });
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      code: 'not-signed-in',
      command: 'moltbot auth login acme',
    });
  });

  it('was revoked where the provider ended it while it was in use', async () => {
    const { doctor, authorization, refresh } = await rig();
    await authorization.revokeGrant();
    expect(await refresh()).toBe('failed');
    const { verdict } = await doctor({ only: ACCOUNT_CHECKS });
    expect(verdict).toMatchObject({ code: 'refresh-revoked', cause: 'sign-in', command: 'moltbot auth login acme' });
    expect(JSON.stringify(verdict)).toContain('invalid_grant');
  });

  it('expired where nothing had used it for long', async () => {
    const { doctor, authorization, refresh, changeRecord } = await rig();
    await changeRecord(({ pair }) => {
      for (const time of ['issuedAt', 'expiresAt']) pair[time] = Number(pair[time]) - 72 * HOUR;
    });
    await authorization.revokeGrant();
    await refresh();
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      code: 'refresh-expired',
      message: expect.stringContaining('after 3 d without use'),
    });
  });

  it('was used twice where an answer got lost before', async () => {
    const { doctor, authorization, refresh } = await rig();
    const mend = authorization.breakTokenEndpoint({ kind: 'processed-drop' }, { grantType: 'refresh_token', times: 1 });
    expect(await refresh()).toBe('failed');
    mend();
    // The claim stays until its holder has been silent for long enough.
    expect(await refresh()).toBe('failed');
    expect(authorization.reuses).toBe(1);
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({ code: 'refresh-reused' });
  });

  it('is another’s where auth.json demands another account', async () => {
    const { doctor, changeEntry } = await rig();
    changeEntry({ account: 'boss@example.com' });
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      code: 'wrong-account',
      message: '`acme` is signed in as person-1; auth.json demands boss@example.com.',
    });
    changeEntry({ account: 'person-1' });
    expect(findingsOf(await doctor({ only: ACCOUNT_CHECKS }))).toEqual([]);
  });

  it('has no token left where there is no refresh token', async () => {
    const { doctor, changeRecord } = await rig();
    await changeRecord(({ pair }) => (pair['hasRefreshToken'] = false));
    expect((await doctor({ only: ['credential.sign-in'] })).verdict).toMatchObject({
      status: 'warning',
      code: 'no-refresh-token',
    });
    await changeRecord(({ pair }) => {
      for (const time of ['issuedAt', 'expiresAt']) pair[time] = Number(pair[time]) - HOUR;
    });
    expect((await doctor({ only: ['credential.sign-in'] })).verdict).toMatchObject({ code: 'token-expired' });
  });
});

describe('a refresh', () => {
  it('fails for the client where the token host does not know its secret', async () => {
    const { doctor, changeEntry, authorization } = await rig();
    changeEntry({ client_id: authorization.clients.basic.clientId, client_secret: CANARIES.clientSecret });
    const report = await doctor({ only: ACCOUNT_CHECKS });
    expect(report.verdict).toMatchObject({ code: 'client-refused', cause: 'client', subject: 'acme' });
    expect(JSON.stringify(report)).toContain('invalid_client');
    expect(JSON.stringify(report)).not.toContain('CANARY');
  });

  it('fails for the page of a proxy that answers in the token host’s place', async () => {
    const { doctor, authorization } = await rig();
    authorization.breakTokenEndpoint(HTML_OF_A_PROXY);
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      status: 'warning',
      code: 'refresh-failing',
      message: expect.stringContaining('bad-answer'),
      action: expect.stringContaining('page of a proxy'),
    });
  });

  it('is an error where no token lives any more', async () => {
    const { doctor, authorization, changeRecord, refresh } = await rig();
    authorization.breakTokenEndpoint({ kind: 'answer', status: 503, body: '{}' });
    await refresh();
    await changeRecord(({ pair }) => {
      for (const time of ['issuedAt', 'expiresAt']) pair[time] = Number(pair[time]) - HOUR;
    });
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      status: 'error',
      code: 'refresh-failing',
      message: expect.stringContaining('unavailable'),
    });
  });

  it('hangs where its process was killed long ago', async () => {
    const { doctor, changeRecord } = await rig();
    await changeRecord((record) => {
      const { fence } = record.pair;
      record.claim = { fence: 9, base: fence, holder: 'gone', at: Date.now() - HOUR, sent: true, forced: false };
    });
    expect((await doctor({ only: ACCOUNT_CHECKS })).verdict).toMatchObject({
      status: 'warning',
      code: 'refresh-hangs',
    });
  });
});

describe('a credential', () => {
  it('is rejected as a key, as a token, or may do less', async () => {
    const answer = (status: number): RigOptions => ({
      models: (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end('{}'),
    });
    expect(findingsOf(await (await rig(answer(401))).doctor({ only: ['provider.credential'] }))).toEqual([
      'error provider.credential acme: token-rejected',
      'error provider.credential acme:key: key-rejected',
    ]);
    expect(findingsOf(await (await rig(answer(403))).doctor({ only: ['provider.credential'] }))).toEqual([
      'warning provider.credential acme: key-forbidden',
      'warning provider.credential acme:key: key-forbidden',
    ]);
    expect(findingsOf(await (await rig(answer(503))).doctor({ only: ['provider.credential'] }))).toEqual([
      'warning provider.credential acme: provider-failing',
      'warning provider.credential acme:key: provider-failing',
    ]);
    expect(findingsOf(await (await rig(answer(404))).doctor({ only: ['provider.credential'] }))).toEqual([]);
  });

  it('may be a page where the address is wrong', async () => {
    const { doctor } = await rig({
      models: (_, response) => response.setHeader('content-type', 'text/html').end('<p>'),
    });
    expect((await doctor({ only: ['provider.credential'] })).verdict).toMatchObject({ code: 'no-models-api' });
  });

  it('is followed where auth.json refers to it, and says which reference leads nowhere', async () => {
    const { doctor, changeEntry, home } = await rig({ env: { ACME_KEY: CANARIES.key } });
    const keyOf = async (key: string) => {
      changeEntry({ key }, 'acme:key');
      const report = await doctor({ only: ['provider.credential'] });
      expect(JSON.stringify(report)).not.toContain('CANARY');
      return findingsOf(report);
    };
    expect(await keyOf('env:ACME_KEY')).toEqual([]);
    expect(await keyOf('env:NO_SUCH_KEY')).toEqual(['error provider.credential acme:key: key-unreadable']);
    writeFileSync(join(home.path, 'key.txt'), CANARIES.key, { mode: 0o600 });
    expect(await keyOf('file:key.txt')).toEqual([]);
    expect(await keyOf('exec:cat key.txt')).toEqual([]);
    expect(await keyOf('exec:exit 1')).toEqual(['error provider.credential acme:key: key-unreadable']);
    const looked = await doctor({ only: ['provider.credential'], readOnly: true });
    expect(checksOf(looked, 'provider.credential')[1]).toMatchObject({ status: 'skipped', reason: 'read-only' });
  });

  it('is missing where a chain needs it', async () => {
    const { doctor, home } = await rig();
    writeFileSync(join(home.path, 'auth.json'), '{}');
    expect((await doctor({ only: ['provider.credential'] })).verdict).toMatchObject({
      status: 'error',
      code: 'key-missing',
    });
  });

  it('can’t be opened without the key that sealed it', async () => {
    const { doctor } = await rig();
    const secretKey = async () => Promise.reject(new MoltbotError('secret_key_unavailable', 'It is not there.'));
    const report = await doctor({ only: ACCOUNT_CHECKS, access: { secretKey } });
    expect(report.verdict).toMatchObject({ code: 'secret-key-missing', id: 'credentials.store' });
  });
});

describe('where tokens are issued', () => {
  it('is discovered from the issuer', async () => {
    const { doctor } = await rig({ oauth: { issuer: 'https://login.idp.test' } });
    // The authorization server names itself otherwise: what is configured besides wins.
    expect(findingsOf(await doctor({ only: ['provider.reachable', 'credential.refresh'] }))).toEqual([]);
  });

  it('is told to be unknown where the issuer does not say', async () => {
    const { doctor } = await rig({
      oauth: { issuer: 'https://login.idp.test/nowhere', token_endpoint: undefined },
    });
    expect((await doctor({ only: ['provider.reachable'] })).verdict).toMatchObject({
      code: 'oauth-discovery',
      message: expect.stringContaining('HTTP 404'),
    });
  });
});
