import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
/** Grafana's image is larger than all others: it is left out where only the rest is to be had. */
const GRAFANA = 'grafana/grafana:12.3.0';
const SERVICES = ['proxy', 'primary', 'worker', 'redis', 'postgres', 'prometheus', 'alertmanager'];

export interface Container {
  readonly Name: string;
  readonly Created: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Pid: number;
    readonly StartedAt: string;
    readonly Running: boolean;
    readonly Health?: { readonly Status: string };
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly Gateway: string }>> };
  readonly Config: { readonly User: string; readonly Env: readonly string[]; readonly Cmd: readonly string[] };
  readonly HostConfig: {
    readonly NanoCpus: number;
    readonly Memory: number;
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly RestartPolicy: { readonly Name: string };
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[] | null>>;
  };
}

export interface ComposeStack {
  readonly services: readonly string[];
  readonly image: string;
  readonly url: string;
  readonly prometheusUrl: string;
  readonly alertmanagerUrl: string;
  /** `docker compose ARGS` on the repository's own file. @throws with its output where it fails */
  compose(...args: readonly string[]): Promise<string>;
  docker(...args: readonly string[]): Promise<string>;
  up(...args: readonly string[]): Promise<void>;
  containers(service: string): Promise<readonly Container[]>;
  /** One value of the database. */
  query(sql: string): Promise<string>;
  /** Takes containers, volumes, networks and the image away. */
  remove(): Promise<void>;
}

/** Builds the image and starts docker-compose.yml as it is, but with Prometheus asking each second and alerts that wait 2 s. */
export async function startComposeStack(): Promise<ComposeStack> {
  const folder = mkdtempSync(join(tmpdir(), 'moltbot-compose-'));
  // Read by containers whose users are others.
  chmodSync(folder, 0o755);
  const project = `moltbot-test-${process.pid}`;
  const [port, prometheusPort, alertmanagerPort, grafanaPort] = await freePorts(4);
  // An image that was built before spares a minute.
  const given = process.env['MOLTBOT_TEST_IMAGE'];
  const image = given ?? `${project}:test`;
  const env = {
    ...withoutOurs(process.env),
    COMPOSE_PROJECT_NAME: project,
    DOCKER_BUILDKIT: '1',
    MOLTBOT_IMAGE: image,
    MOLTBOT_PORT: String(port),
    PROMETHEUS_PORT: String(prometheusPort),
    ALERTMANAGER_PORT: String(alertmanagerPort),
    GRAFANA_PORT: String(grafanaPort),
  };
  const files = ['-f', join(ROOT, 'docker-compose.yml'), '-f', hastyPrometheus(folder)];
  async function docker(...args: readonly string[]): Promise<string> {
    try {
      return (await execute('docker', args, { env, cwd: ROOT, maxBuffer: 64 * 1_048_576 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      throw new Error(`docker ${args.join(' ')}:\n${stdout.slice(-3_000)}${stderr.slice(-3_000)}`, { cause: error });
    }
  }
  const compose = (...args: readonly string[]) =>
    docker('compose', '--project-directory', ROOT, '--env-file', '/dev/null', ...files, ...args);
  const hasGrafana = await docker('image', 'inspect', GRAFANA).then(
    () => true,
    () => false,
  );
  const services = hasGrafana ? [...SERVICES, 'grafana'] : SERVICES;
  const stack: ComposeStack = {
    services,
    image,
    url: `http://127.0.0.1:${port}`,
    prometheusUrl: `http://127.0.0.1:${prometheusPort}`,
    alertmanagerUrl: `http://127.0.0.1:${alertmanagerPort}`,
    compose,
    docker,
    async up(...args) {
      try {
        await compose('up', '--detach', '--wait', '--wait-timeout', '150', ...args, ...services);
      } catch (error) {
        const logs = await compose('logs', '--no-color', '--tail', '40').catch(String);
        throw new Error(`${(error as Error).message}\n${logs}`, { cause: error });
      }
    },
    // In the order of their numbers.
    async containers(service) {
      const ids = (await compose('ps', '--all', '--quiet', service)).split('\n').filter((id) => id !== '');
      return ids.length === 0 ? [] : (JSON.parse(await docker('inspect', ...ids)) as readonly Container[]);
    },
    async query(sql) {
      const psql =
        'PGPASSWORD=$(cat /run/postgres-secrets/password) exec psql -h 127.0.0.1 -U moltbot -d moltbot -Atc "$0"';
      return (await compose('exec', '-T', 'postgres', 'bash', '-c', psql, sql)).trim();
    },
    async remove() {
      await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '5');
      if (given === undefined) await docker('image', 'rm', '--force', image);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    if (given === undefined) await compose('--progress', 'plain', 'build');
    await stack.up();
  } catch (error) {
    await stack.remove().catch(() => undefined);
    throw error;
  }
  return stack;
}

/** Until the look says something other than `undefined`; what was seen last is in the error. */
export async function eventually<Value>(
  what: string,
  seconds: number,
  look: () => Promise<Value | undefined>,
): Promise<Value> {
  let last: unknown;
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; await sleepFor(300)) {
    try {
      const value = await look();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`${what}: not within ${seconds} s`, { cause: last });
}

/** An override that mounts the same Prometheus files with short times. */
function hastyPrometheus(folder: string): string {
  const rules = join(folder, 'rules');
  cpSync(join(ROOT, 'deploy/prometheus'), rules, { recursive: true });
  const alerts = readFileSync(join(rules, 'alerts.yml'), 'utf8').replaceAll(/^(\s+for:) .*$/gm, '$1 2s');
  writeFileSync(join(rules, 'alerts.yml'), alerts);
  const config = readFileSync(join(ROOT, 'deploy/compose/prometheus.yml'), 'utf8')
    .replaceAll(/_interval: 15s/g, '_interval: 1s')
    .replaceAll('refresh_interval: 5s', 'refresh_interval: 1s');
  writeFileSync(join(folder, 'prometheus.yml'), config);
  const override = join(folder, 'override.yml');
  const volumes = [`${folder}/prometheus.yml:/etc/moltbot/prometheus.yml:ro`, `${rules}:/etc/moltbot/rules:ro`];
  writeFileSync(override, JSON.stringify({ services: { prometheus: { volumes } } }));
  return override;
}

/** What the shell happens to have set must not change the stack. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(MOLTBOT_|COMPOSE_|POSTGRES_|REDIS_|GRAFANA_|PROMETHEUS_|ALERTMANAGER_|NGINX_|S3_)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}

const execute = promisify(execFile);

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
