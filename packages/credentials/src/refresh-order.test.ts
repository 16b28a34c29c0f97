import { describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import fc from 'fast-check';
import { formatRefreshOrder, parseRefreshOrder, type RefreshOrder } from './refresh-order.js';
import { trustFlags } from './spawn-refresh.js';

const order: RefreshOrder = {
  credentialId: 'acme:team',
  claim: { fence: 2, base: 1, holder: 'a', at: 3, sent: false, forced: false },
  grant: 'refresh_token',
  client: {
    clientId: 'app',
    scopes: ['model:read'],
    endpoints: { issuer: 'http://127.0.0.1:1', authorize_params: {}, required_scopes: [] },
    clientSecret: new Secret('the secret'),
    privateKey: new Secret('-----BEGIN PRIVATE KEY-----\n'),
  },
  network: { proxy: 'http://user:password@127.0.0.1:2' },
  store: { kind: 'storage', connection: { url: new Secret('postgres://user:password@127.0.0.1/x') } },
  keys: [new Secret('newest'), new Secret('older')],
  timeoutMs: 10_000,
  keepTryingMs: 600_000,
};

describe('the order of a refresh', () => {
  it('comes through the pipe as it was, secrets included', () => {
    const read = parseRefreshOrder(formatRefreshOrder(order));
    expect(read).toEqual(order);
    expect(read.client.clientSecret?.reveal()).toBe('the secret');
    expect(read.keys.map((key) => key.reveal())).toEqual(['newest', 'older']);
    expect('url' in read.store && 'kind' in read.store).toBe(false);
    const { connection } = read.store as Extract<RefreshOrder['store'], { kind: 'storage' }>;
    expect('url' in connection && connection.url.reveal()).toBe('postgres://user:password@127.0.0.1/x');
  });

  it('is none where it was cut off anywhere', () => {
    const text = formatRefreshOrder(order);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.length - 1 }), (length) => {
        expect(() => parseRefreshOrder(text.slice(0, length))).toThrow(SyntaxError);
      }),
    );
  });
});

describe('flags of Node', () => {
  it('are handed on where they say whom to trust', () => {
    expect(
      trustFlags([
        '--use-system-ca',
        '--inspect=9229',
        '--require',
        'x',
        '--tls-cipher-list=A',
        '--openssl-config=y',
        '',
      ]),
    ).toEqual(['--use-system-ca', '--tls-cipher-list=A', '--openssl-config=y']);
  });
});
