import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { askRole } from './ask-role.js';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** A process that says of itself what it is given. */
async function answering({ role = 'primary', report = {} }: { role?: string; report?: object }): Promise<string> {
  server = createServer((request, response) => {
    const build = `moltbot_build_info{role="${role}",version="1.2.3"} 1\nmoltbot_requests_in_flight 4\n`;
    response.end(request.url === '/metrics' ? build : JSON.stringify({ status: 'ok', ...report }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('asking a role', () => {
  it('tells the process of this home from one of another, and believes those that say nothing', async () => {
    const url = await answering({ report: { home: 'aaaaaaaaaaaa' } });
    expect(await askRole('primary', url, 'aaaaaaaaaaaa')).toMatchObject({ ready: true, version: '1.2.3', inFlight: 4 });
    const other = { reachable: false, ready: false, otherHome: true, version: null };
    expect(await askRole('primary', url, 'bbbbbbbbbbbb')).toMatchObject(other);
    expect(await askRole('primary', url)).toMatchObject({ reachable: true, otherHome: false });
    server?.close();
    const silent = await answering({});
    expect(await askRole('primary', silent, 'aaaaaaaaaaaa')).toMatchObject({ reachable: true, otherHome: false });
  });

  it('takes no other program, no other role and nobody for it', async () => {
    const url = await answering({ role: 'worker' });
    const nobody = { reachable: false, otherHome: false };
    expect(await askRole('primary', url)).toMatchObject({ ...nobody, otherRole: true });
    expect(await askRole('primary', 'http://127.0.0.1:1')).toMatchObject({ ...nobody, otherRole: false });
  });
});
