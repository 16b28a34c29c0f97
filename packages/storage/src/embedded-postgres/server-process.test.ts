import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { parsePostmasterFile } from './postmaster-file.js';
import { choosePort, serverArguments } from './server-process.js';

describe('the server’s arguments', () => {
  it('make it listen on a private socket only', () => {
    const listening = { host: '/run/db', port: 5432 };
    const text = serverArguments({ data: '/data', listening, platform: 'linux' }).join(' ');
    expect(text).toMatch(/^-D \/data -c listen_addresses= -c unix_socket_directories=\/run\/db /);
    expect(text).toContain('-c unix_socket_permissions=0700');
    expect(text).toContain('-c synchronous_commit=off');
  });

  it('make it listen on 127.0.0.1 on Windows, at the port of last time where that is free', async () => {
    const args = serverArguments({ data: 'D', listening: { host: '127.0.0.1', port: 5 }, platform: 'win32' });
    expect(args).toContain('listen_addresses=127.0.0.1');
    expect(args.join(' ')).not.toContain('unix_socket');
    const port = await choosePort({ platform: 'win32', last: 0 });
    expect(await choosePort({ platform: 'win32', last: port })).toBe(port);
    const taken = createServer().listen(port, '127.0.0.1');
    const other = await choosePort({ platform: 'win32', last: port });
    taken.close();
    expect(other).not.toBe(port);
    expect(other).toBeGreaterThan(1_024);
  });
});

describe('postmaster.pid', () => {
  it('says who runs, where and how far it is', () => {
    const text = '123\n/data\n1795354577\n5432\n/run/db\n\n  5432001    131072\nready   \n';
    expect(parsePostmasterFile(text)).toEqual({
      pid: 123,
      port: 5432,
      socketDirectory: '/run/db',
      listenAddress: '',
      status: 'ready',
    });
  });

  it.each([
    ['empty', '', undefined],
    ['rubbish', 'rubbish\n', undefined],
    ['half written', '123\n/data', { status: 'unknown', pid: 123 }],
  ])('may be %s', (_name, text, expected) => {
    if (expected === undefined) expect(parsePostmasterFile(text)).toBeUndefined();
    else expect(parsePostmasterFile(text)).toMatchObject(expected);
  });
});
