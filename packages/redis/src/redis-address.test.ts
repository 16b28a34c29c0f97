import { describe, expect, it } from '@jest/globals';
import { isRedisUrl, parseRedisUrl } from './redis-address.js';

describe('the address of a Redis', () => {
  it('is one server, as ever', () => {
    const url = 'rediss://ann:p%40ss@redis.example:6380/2';
    expect(parseRedisUrl(url)).toEqual({ kind: 'single', url, tls: true });
    expect(parseRedisUrl('REDIS://127.0.0.1')).toMatchObject({ kind: 'single', tls: false });
  });

  it('is sentinels and the name they watch', () => {
    const url =
      'rediss+sentinel://app:p%40ss%2C@a.example,[::1]:5000,c:26380/my-main/3?sentinel_username=s&sentinel_password=q%26';
    expect(parseRedisUrl(url)).toEqual({
      kind: 'sentinel',
      tls: true,
      nodes: [
        { host: 'a.example', port: 26_379 },
        { host: '::1', port: 5_000 },
        { host: 'c', port: 26_380 },
      ],
      master: 'my-main',
      database: 3,
      login: { username: 'app', password: 'p@ss,' },
      sentinelLogin: { username: 's', password: 'q&' },
    });
    expect(parseRedisUrl('redis+sentinel://:only@a/m')).toMatchObject({
      login: { password: 'only' },
      database: 0,
      sentinelLogin: {},
    });
  });

  it('is some nodes of a cluster', () => {
    expect(parseRedisUrl('redis+cluster://u:p@a:7000,b/')).toEqual({
      kind: 'cluster',
      tls: false,
      nodes: [
        { host: 'a', port: 7_000 },
        { host: 'b', port: 6_379 },
      ],
      login: { username: 'u', password: 'p' },
    });
    expect(parseRedisUrl('redis+cluster://a/0')).toMatchObject({ kind: 'cluster' });
  });

  it.each([
    ['http://a', false],
    ['redis://', true],
    ['redis+sentinel://a', true],
    ['redis+sentinel://a/', true],
    ['redis+sentinel:///main', true],
    ['redis+sentinel://a:0/main', true],
    ['redis+sentinel://a:70000/main', true],
    ['redis+sentinel://a,/main', true],
    ['redis+sentinel://a/main/x', true],
    ['redis+sentinel://a/ma%20in', true],
    ['redis+sentinel://a/%zz', true],
    ['redis+sentinel://a/main?tls=1', true],
    ['redis+cluster://a/1', true],
    ['redis+cluster://a?x=1', true],
    ['redis+cluster://u:%zz@a', true],
    ['redis+cluster://a b', true],
    ['redis+other://a', false],
    [`redis+cluster://${Array.from({ length: 65 }, () => 'a').join(',')}`, true],
  ])('is not %p', (url, forUs) => {
    expect(parseRedisUrl(url)).toBeUndefined();
    expect(isRedisUrl(url)).toBe(forUs);
  });
});
