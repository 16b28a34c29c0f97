import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

const run = promisify(execFile);
const MISSING = 'These tests need the programs redis-server and redis-cli: run `apt-get install redis-server`.';
const READY_WITHIN_MS = 30_000;

/** Several servers that stand in for one another. */
export interface RedisFleet {
  readonly url: string;
  /** Kills the primary (of a cluster: the one that has the key) as `kill -9` does. @returns when another has taken over */
  killPrimary(key?: string): Promise<void>;
  remove(): Promise<void>;
}

/** A primary with a replica, and two sentinels that watch them. */
export async function startSentinels(password?: string): Promise<RedisFleet> {
  return await orRemoved(async (fleet) => sentinelsIn(fleet, password));
}

async function sentinelsIn(fleet: Folder, password: string | undefined): Promise<RedisFleet> {
  const login = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const [first = 0, second = 0, ...watchers] = await freePorts(4);
  await fleet.start(first, login);
  await fleet.start(second, [...login, '--replicaof', '127.0.0.1', String(first)]);
  for (const port of watchers) {
    const file = join(fleet.folder, `sentinel-${port}.conf`);
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${fleet.folder}`,
      `sentinel monitor main 127.0.0.1 ${first} 1`,
      ...(password === undefined ? [] : [`sentinel auth-pass main ${password}`]),
      'sentinel down-after-milliseconds main 1000',
      'sentinel failover-timeout main 3000',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    await fleet.spawn(port, [file, '--sentinel']);
  }
  const [watcher = 0] = watchers;
  const primary = async (): Promise<number> => {
    const client = new Redis(watcher, '127.0.0.1');
    try {
      const found = (await client.call('SENTINEL', 'get-master-addr-by-name', 'main')) as readonly string[];
      return Number(found[1]);
    } finally {
      client.disconnect();
    }
  };
  await until(async () => {
    const client = new Redis(watcher, '127.0.0.1');
    const found = (await client
      .call('SENTINEL', 'MASTER', 'main')
      .finally(() => client.disconnect())) as readonly string[];
    const of = (name: string) => Number(found[found.indexOf(name) + 1]);
    return of('num-slaves') === 1 && of('num-other-sentinels') === 1;
  });
  const hosts = watchers.map((port) => `127.0.0.1:${port}`).join(',');
  return {
    url: `redis+sentinel://${password === undefined ? '' : `:${password}@`}${hosts}/main`,
    killPrimary: async () => {
      const before = await primary();
      await fleet.kill(before);
      await until(async () => (await primary()) !== before);
    },
    remove: fleet.remove,
  };
}

/** Three primaries, each with a replica. */
export async function startRedisCluster(): Promise<RedisFleet> {
  return await orRemoved(clusterIn);
}

async function clusterIn(fleet: Folder): Promise<RedisFleet> {
  const ports = await freePorts(6);
  for (const port of ports) {
    await fleet.start(port, [
      '--cluster-enabled',
      'yes',
      '--cluster-config-file',
      `nodes-${port}.conf`,
      '--cluster-node-timeout',
      '1500',
      // What is left goes on answering for its own slots.
      '--cluster-require-full-coverage',
      'no',
      // Its usual one, 10,000 higher, may be taken.
      '--cluster-port',
      String((await freePorts(1))[0]),
    ]);
  }
  const nodes = ports.map((port) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes']);
  const alive = new Set(ports);
  const [some = 0] = ports;
  /** Of each primary that is known: its port and its slots. */
  const owner = async (key: string): Promise<number> => {
    const port = [...alive].at(-1) ?? some;
    const client = new Redis(port, '127.0.0.1');
    try {
      const slot = await client.cluster('KEYSLOT', key);
      const slots = await client.cluster('SLOTS');
      const found = slots.find(([from, to]) => from <= slot && slot <= to)?.[2];
      return found?.[1] ?? 0;
    } finally {
      client.disconnect();
    }
  };
  await until(async () => {
    const states = await Promise.all(
      ports.map(async (port) => (await run('redis-cli', ['-p', String(port), 'cluster', 'info'])).stdout),
    );
    const replicas = await Promise.all(
      ports.map(async (port) => (await run('redis-cli', ['-p', String(port), 'info', 'replication'])).stdout),
    );
    const linked = replicas.filter((text) => /role:slave[\s\S]*master_link_status:up/.test(text)).length;
    return states.every((text) => text.includes('cluster_state:ok')) && linked === 3;
  });
  return {
    url: `redis+cluster://${nodes.join(',')}`,
    killPrimary: async (key = '') => {
      const before = await owner(key);
      alive.delete(before);
      await fleet.kill(before);
      await until(async () => (await owner(key)) !== before);
    },
    remove: fleet.remove,
  };
}

type Folder = Awaited<ReturnType<typeof openFolder>>;

/** Nothing is left of what did not come up. */
async function orRemoved(start: (fleet: Folder) => Promise<RedisFleet>): Promise<RedisFleet> {
  const fleet = await openFolder();
  try {
    return await start(fleet);
  } catch (error) {
    await fleet.remove();
    throw error;
  }
}

async function openFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'moltbot-redis-'));
  const processes = new Map<number, ChildProcess>();

  async function launch(port: number, args: readonly string[]): Promise<void> {
    const child = spawn('redis-server', [...args], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    processes.set(port, child);
    const failed = once(child, 'error').then(([error]) => {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Error(MISSING) : error;
    });
    failed.catch(() => undefined);
    const ready = until(async () => answers(port));
    await Promise.race([ready, failed]);
  }

  async function kill(port: number): Promise<void> {
    const child = processes.get(port);
    processes.delete(port);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  return {
    folder,
    spawn: launch,
    start: async (port: number, options: readonly string[]): Promise<void> => {
      const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
      await launch(port, [...own, '--repl-diskless-sync-delay', '0', ...options]);
    },
    kill,
    remove: async (): Promise<void> => {
      await Promise.all([...processes.keys()].map(kill));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether it says anything: also that it wants a password. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    socket.write('PING\r\n');
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) });
    return true;
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + READY_WITHIN_MS;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error('the servers did not come up in time');
    await pause(50);
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer();
      probe.listen(0, '127.0.0.1');
      await once(probe, 'listening');
      return probe;
    }),
  );
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port);
  await Promise.all(
    probes.map(async (probe) => {
      probe.close();
      await once(probe, 'close');
    }),
  );
  return ports;
}
