import { describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { toQueueTarget } from './queue-connection.js';

describe('where the queue lives', () => {
  it.each([
    ['redis://127.0.0.1:6379/2', 'redis'],
    ['rediss://user:password@host.test:6380', 'redis'],
    ['postgres://user@127.0.0.1:5432/moltbot', 'postgres'],
    ['POSTGRESQL://user@host.test/moltbot', 'postgres'],
  ])('is told by the scheme of %p', (url, kind) => {
    expect(toQueueTarget({ url }).kind).toBe(kind);
    expect(toQueueTarget({ url: new Secret(url) }).kind).toBe(kind);
  });

  it('may be the folder of a PostgreSQL socket', () => {
    const parts = { host: '/run/moltbot', port: 5432, database: 'moltbot', user: 'moltbot' };
    const options = '-c synchronous_commit=on';
    expect(toQueueTarget(parts)).toEqual({ kind: 'postgres', config: { ...parts, options } });
    expect(toQueueTarget({ ...parts, password: new Secret('word') })).toEqual({
      kind: 'postgres',
      config: { ...parts, password: 'word', options },
    });
  });

  it('may be a PostgreSQL URL with options for the session', () => {
    const url = 'postgres://u:p@h.test/db?sslmode=require&options=-c%20statement_timeout%3D5s';
    expect(toQueueTarget({ url })).toEqual({
      kind: 'postgres',
      config: {
        connectionString: 'postgres://u:p@h.test/db?sslmode=require',
        options: '-c statement_timeout=5s',
      },
    });
  });

  it.each(['http://user:canary@host.test', 'canary', '', 'redis://[canary', 'mysql://user:canary@host.test/db'])(
    'is refused where it is %p, without a word of it in the message',
    (url) => {
      expect(() => toQueueTarget({ url })).toThrow(
        expect.objectContaining({
          code: 'config_invalid',
          param: 'queue.url',
          message: expect.not.stringContaining('canary'),
        }),
      );
    },
  );
});
