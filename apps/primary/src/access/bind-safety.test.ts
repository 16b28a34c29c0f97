import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { assertSafeBind } from './bind-safety.js';

const server = (changes: object) => settingsSchema.parse({ server: changes }).server;

describe('binding an address', () => {
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
