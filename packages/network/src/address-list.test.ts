import { describe, expect, it } from '@jest/globals';
import { AddressList, isLoopback } from './address-list.js';

const has = (list: string, url: string): boolean => new AddressList(list).has(new URL(url));

describe('a list of addresses as NO_PROXY has it', () => {
  it.each([
    ['*', 'https://a.example/', true],
    ['*:443', 'https://a.example/', true],
    ['*:80', 'https://a.example/', false],
    ['a.example', 'https://a.example/', true],
    ['A.Example', 'https://a.example./', true],
    ['a.example', 'https://b.a.example/', true],
    ['.a.example', 'https://a.example/', true],
    ['*.a.example', 'https://a.example/', false],
    ['*.a.example', 'https://b.a.example/', true],
    ['a.example', 'https://ba.example/', false],
    ['a.example:8443', 'https://a.example/', false],
    ['a.example:8443', 'https://a.example:8443/', true],
    ['a.example:443', 'https://a.example/', true],
    ['x y,, z', 'https://y/', true],
    ['10.0.0.0/8', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://11.1.2.3/', false],
    ['10.0.0.0/99', 'http://10.1.2.3/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['::1', 'http://[::1]/', true],
    ['[::1]:443', 'https://[::1]/', true],
    ['[::1]:443', 'http://[::1]/', false],
    ['', 'http://a.example/', false],
  ])('%p: is %s in it? %p', (list, url, expected) => {
    expect(has(list, url)).toBe(expected);
  });
});

describe('this machine itself', () => {
  it.each([
    'http://localhost',
    'http://a.localhost.',
    'http://127.1',
    'http://[::1]:80',
    'http://0.0.0.0',
    'http://[::ffff:127.0.0.1]',
  ])('is %s', (url) => expect(isLoopback(new URL(url))).toBe(true));

  it.each(['http://localhost.example', 'http://128.0.0.1', 'http://[::2]', 'http://127.example'])('is not %s', (url) =>
    expect(isLoopback(new URL(url))).toBe(false),
  );
});
