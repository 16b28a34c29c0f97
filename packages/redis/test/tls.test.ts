import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createCertificateAuthority } from '@moltbot/network/testing';

const run = promisify(execFile);
const ENTRY = resolve(import.meta.dirname, '../dist/index.js');
const PROBE = `
  const { probeRedis } = await import(process.argv[1]);
  const url = process.argv[2];
  process.stdout.write(JSON.stringify(await probeRedis({ url, signal: AbortSignal.timeout(8_000) })));
`;
let folder: string;
let ca: string;
const servers: ChildProcess[] = [];
const ports: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-redis-tls-'));
  const authority = await createCertificateAuthority({ name: 'Redis test' });
  const { certificate, key } = await authority.issue({ hosts: ['localhost', '127.0.0.1'] });
  ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.certificate);
  await writeFile(join(folder, 'cert.pem'), certificate);
  await writeFile(join(folder, 'key.pem'), key);
  for (let index = 0; index < 3; index += 1) ports.push(await freePort());
  const [single = 0, node = 0, watcher = 0] = ports;
  await start(['port 0', `tls-port ${single}`]);
  await start([
    'port 0',
    `tls-port ${node}`,
    'tls-cluster yes',
    'cluster-enabled yes',
    'cluster-announce-ip 127.0.0.1',
    `cluster-port ${await freePort()}`,
  ]);
  await start(['port 0', `tls-port ${watcher}`, `sentinel monitor main 127.0.0.1 ${single} 1`], ['--sentinel']);
  const cli = async (...args: readonly string[]) =>
    run('redis-cli', ['--tls', '--cacert', ca, '-p', String(node), ...args]);
  await until(async () => (await cli('cluster', 'addslotsrange', '0', '16383')).stdout.includes('OK'));
  await until(async () => (await cli('cluster', 'info')).stdout.includes('cluster_state:ok'));
}, 60_000);

afterAll(async () => {
  for (const server of servers) {
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
});

async function start(lines: readonly string[], flags: readonly string[] = []): Promise<void> {
  const file = join(folder, `${servers.length}.conf`);
  const tls = [
    'tls-auth-clients no',
    'tls-replication yes',
    ...['cert', 'key', 'ca-cert'].map(
      (name) => `tls-${name}-file ${join(folder, name === 'ca-cert' ? 'ca.pem' : `${name}.pem`)}`,
    ),
  ];
  await writeFile(file, `${['bind 127.0.0.1', `dir ${folder}`, ...tls, ...lines].join('\n')}\n`);
  servers.push(spawn('redis-server', [file, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] }));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error('the servers did not come up in time');
    await pause(50);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** In a process that trusts the authority as operators make it: by NODE_EXTRA_CA_CERTS. */
async function probe(url: string, trusted: boolean): Promise<unknown> {
  const env = { PATH: process.env['PATH'], ...(trusted && { NODE_EXTRA_CA_CERTS: ca }) };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', PROBE, ENTRY, url], { env });
  return JSON.parse(stdout);
}

it('speaks TLS to a server, to sentinels and the primary behind them, and to a cluster', async () => {
  const [single = 0, node = 0, watcher = 0] = ports;
  const urls = [
    `rediss://localhost:${single}`,
    `rediss+sentinel://localhost:${watcher}/main`,
    `rediss+cluster://localhost:${node}`,
  ];
  for (const url of urls) {
    expect([url, await probe(url, true)]).toEqual([
      url,
      expect.objectContaining({ version: expect.stringMatching(/^\d/) }),
    ]);
  }
  // And trusts nobody else.
  expect(await probe(urls[0] ?? '', false)).toEqual({ problem: expect.stringMatching(/CERT|SIGNED|ISSUER/) });
}, 60_000);
