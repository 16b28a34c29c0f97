import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { assertSafeBind, effectiveAccess, isLoopback } from './bind-safety.js';

const server = (changes: object) => settingsSchema.parse({ server: changes }).server;

describe('binding an address', () => {
  it('takes only real loopback names for loopback', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true]);
    // The last but one is no address: it would be looked up as a name.
    for (const host of ['0.0.0.0', '::', '127.0.0.1.example.org', '10.0.0.1', '127.0.0.999', 'localhost.example']) {
      expect([host, isLoopback(host)]).toEqual([host, false]);
    }
  });

  it('is open on loopback and asks for keys elsewhere by default', () => {
    expect(effectiveAccess(server({}))).toBe('open');
    expect(effectiveAccess(server({ host: '0.0.0.0' }))).toBe('api_key');
    expect(effectiveAccess(server({ access: 'api_key' }))).toBe('api_key');
  });

  it('refuses a wide address that is open or has no key, and says what to do', () => {
    expect(() => assertSafeBind({ server: server({ host: '0.0.0.0', access: 'open' }), activeKeys: 3 })).toThrow(
      /moltbot keys create/,
    );
    expect(() => assertSafeBind({ server: server({ host: '0.0.0.0' }), activeKeys: 0 })).toThrow(/no API key yet/);
    expect(() => assertSafeBind({ server: server({ host: '0.0.0.0' }), activeKeys: 1 })).not.toThrow();
    expect(() => assertSafeBind({ server: server({}), activeKeys: 0 })).not.toThrow();
  });

  it('waits for the first key, refusing everybody, where keys were asked for in so many words', () => {
    expect(() =>
      assertSafeBind({ server: server({ host: '0.0.0.0', access: 'api_key' }), activeKeys: 0 }),
    ).not.toThrow();
  });

  it('needs no API key where the organisation’s sign-in is configured', () => {
    const oidc = { issuer: 'https://sso.example', audience: 'us' };
    expect(() => assertSafeBind({ server: server({ host: '0.0.0.0', oidc }), activeKeys: 0 })).not.toThrow();
    expect(() => assertSafeBind({ server: server({ host: '0.0.0.0', access: 'open', oidc }), activeKeys: 0 })).toThrow(
      /"open"/,
    );
  });
});
