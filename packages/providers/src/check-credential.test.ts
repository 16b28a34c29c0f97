import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createNetwork } from '@moltbot/network';
import { createProvider } from './catalogue.js';
import { checkCredential, type CredentialCheck } from './check-credential.js';
import { createUpstreamClient } from './http/upstream-client.js';

/** What is said of a credential where the list of models answers so. */
async function check(
  answer: { status: number; body: unknown } | 'nothing' | 'closed',
  signal: AbortSignal = new AbortController().signal,
): Promise<CredentialCheck> {
  const server = createServer((_request, response) => {
    if (answer === 'nothing' || answer === 'closed') return;
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const settings = settingsSchema.parse({ providers: { mine: { kind: 'openai', base_url } } }).providers['mine'];
  if (settings === undefined) throw new Error('no settings');
  if (answer === 'closed') await new Promise((resolve) => server.close(resolve));
  const client = createUpstreamClient({ network: createNetwork({ maxConnections: 2 }) });
  try {
    const provider = createProvider('mine', settings);
    return await checkCredential({ provider, client, token: new Secret('CANARY-token'), signal, timeoutMs: 200 });
  } finally {
    await client.close();
    server.closeAllConnections();
    server.close();
  }
}

describe('checking a credential', () => {
  it('tells an accepted one from a rejected one and from one that may not list models', async () => {
    const list = { object: 'list', data: [{ id: 'a' }, { id: 'b' }] };
    expect(await check({ status: 200, body: list })).toMatchObject({ outcome: 'accepted', models: 2 });
    const error = { error: { message: 'no, CANARY-token', code: 'invalid_api_key' } };
    expect(await check({ status: 401, body: error })).toMatchObject({ outcome: 'rejected', status: 401 });
    expect(await check({ status: 403, body: { error: { message: 'no' } } })).toMatchObject({
      outcome: 'forbidden',
      status: 403,
    });
  });

  it('blames no credential for an answer that says nothing of it, and repeats nothing of the answer', async () => {
    const said: CredentialCheck[] = [];
    for (const status of [404, 429, 500, 503]) {
      said.push(await check({ status, body: { error: { message: 'CANARY-token' } } }));
    }
    said.push(await check({ status: 200, body: 'no list' }), await check('nothing'), await check('closed'));
    expect(said.map(({ outcome }) => outcome)).toEqual(said.map(() => 'unknown'));
    expect(JSON.stringify(said)).not.toContain('CANARY');
    expect(said[0]).toMatchObject({ why: expect.stringContaining('(404)') });
  });

  it('ends with the signal', async () => {
    const signal = AbortSignal.timeout(20);
    await expect(check('nothing', signal)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
