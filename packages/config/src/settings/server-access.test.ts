import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '../schema.js';
import { effectiveAccess, isLoopbackHost } from './server-access.js';

const server = (changes: object) => settingsSchema.parse({ server: changes }).server;

describe('who is asked for a key', () => {
  it('knows addresses that only this machine reaches', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].map(isLoopbackHost)).toEqual([true, true, true, true]);
    // The last but one is no address: it would be looked up as a name.
    for (const host of ['0.0.0.0', '::', '127.0.0.1.example.org', '10.0.0.1', '127.0.0.999', 'localhost.example']) {
      expect([host, isLoopbackHost(host)]).toEqual([host, false]);
    }
  });

  it('is nobody on such an address, unless the settings say so, and everybody elsewhere', () => {
    expect(effectiveAccess(server({}))).toBe('open');
    expect(effectiveAccess(server({ host: '0.0.0.0' }))).toBe('api_key');
    expect(effectiveAccess(server({ access: 'api_key' }))).toBe('api_key');
  });
});
