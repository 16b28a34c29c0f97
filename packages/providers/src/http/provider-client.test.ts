import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startForwardProxy, startTlsServer, type TlsServer } from '@moltbot/network/testing';
import type { Provider } from '../target.js';
import { post, readAll } from '../testing/sockets.js';
import { connectionKey, createProviderClient } from './provider-client.js';
import type { UpstreamClient } from './upstream.js';

const opened: { close(): Promise<void> }[] = [];
let folder: string;
let server: TlsServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-ca-'));
  server = await startTlsServer({ answer: (_, response) => response.end('models') });
  opened.unshift(server);
});

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await rm(folder, { recursive: true });
});

/** The settings that matter here; the others are the schema's. */
function provider(settings: { readonly proxy?: string; readonly ca_file?: string }): Provider {
  return { name: 'mine', baseUrl: server.url, settings: { max_connections: 4, ...settings } } as unknown as Provider;
}

function client(settings: { readonly proxy?: string; readonly ca_file?: string }): UpstreamClient {
  const created = createProviderClient({ provider: provider(settings), system: undefined });
  opened.unshift(created);
  return created;
}

describe('the client of a provider as configured', () => {
  it('trusts the authorities of its ca_file, and says which trust is missing without', async () => {
    const ca_file = join(folder, 'company.pem');
    await writeFile(ca_file, server.authority.certificate);
    expect(await readAll(await post(client({ ca_file }), { url: server.url }))).toBe('models');
    await expect(post(client({}), { url: server.url })).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('certificate-unknown-authority'),
      connection: { at: 'host', kind: 'certificate-unknown-authority' },
    });
  });

  it('sends nothing while its ca_file can not be read, says so, and goes on once it can', async () => {
    const ca_file = join(folder, 'later.pem');
    const waiting = client({ ca_file });
    const connection = { at: 'host', kind: 'trust-unreadable', code: 'ERR_CERTIFICATES_UNREADABLE' };
    await expect(post(waiting, { url: server.url })).rejects.toMatchObject({ kind: 'unreachable', connection });
    await writeFile(ca_file, 'no certificate');
    const failed = await post(waiting, { url: server.url }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ connection, cause: { message: expect.stringContaining(ca_file) } });
    await writeFile(ca_file, server.authority.certificate);
    expect(await readAll(await post(waiting, { url: server.url }))).toBe('models');
  });

  it('goes through its own proxy, also to this machine, and says what the proxy says', async () => {
    const proxy = await startForwardProxy({ login: 'ann:pw' });
    opened.unshift(proxy);
    const ca_file = join(folder, 'company.pem');
    await writeFile(ca_file, server.authority.certificate);
    const known = client({ ca_file, proxy: proxy.url.replace('//', '//ann:pw@') });
    expect(await readAll(await post(known, { url: server.url }))).toBe('models');
    await expect(post(client({ ca_file, proxy: proxy.url }), { url: server.url })).rejects.toMatchObject({
      kind: 'unreachable',
      connection: { at: 'proxy', kind: 'proxy-login-required', status: 407, proxy: proxy.url },
    });
    expect(proxy.calls.map(({ status }) => status)).toEqual([200, 407]);
  });

  it('is another one where proxy, authorities or the number of connections differ', () => {
    const keys = [
      provider({}),
      provider({ proxy: 'direct' }),
      provider({ ca_file: '/a' }),
      provider({ ca_file: '/b' }),
    ];
    expect(new Set(keys.map(connectionKey)).size).toBe(4);
    expect(connectionKey(provider({}))).toBe(connectionKey(provider({})));
  });
});
