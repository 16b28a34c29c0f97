import { describe, expect, it } from '@jest/globals';
import { serverAddress } from './server-address.js';

describe('the address of a server', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:80'],
    ['moltbot.internal', 'http://moltbot.internal:80'],
    ['0.0.0.0', 'http://127.0.0.1:80'],
    ['::', 'http://[::1]:80'],
    ['::1', 'http://[::1]:80'],
    ['fe80::1', 'http://[fe80::1]:80'],
  ])('of %s is %s', (host, address) => {
    expect(serverAddress({ host, port: 80 })).toBe(address);
  });
});
