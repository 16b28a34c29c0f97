import { existsSync } from 'node:fs';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';

const IMAGE = 'redis:8';
const SOCKET = '/var/run/docker.sock';
const LABEL = 'moltbot.test';

export interface RedisContainer {
  up(): Promise<void>;
  down(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Redis in a container on the given port of 127.0.0.1, with an append-only file that a stop and a start survive. `undefined` where no engine
 * answers, it has no `redis:8` (tests pull nothing, unless `TEST_PULL=1`), or `TEST_NO_DOCKER=1` says so.
 */
export async function startRedisContainer(port: number): Promise<RedisContainer | undefined> {
  const { TEST_NO_DOCKER, TEST_PULL, DOCKER_HOST } = process.env;
  if (TEST_NO_DOCKER === '1' || (DOCKER_HOST === undefined && !existsSync(SOCKET))) return undefined;
  // Its own sweeper is an image that would have to be pulled: what we start bears a label and is removed by us.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const { GenericContainer, getContainerRuntimeClient, ImageName } = await import('testcontainers');
  const engine = await getContainerRuntimeClient().catch(() => undefined);
  if (engine === undefined) return undefined;
  if (TEST_PULL !== '1' && !(await engine.image.exists(ImageName.fromString(IMAGE)))) return undefined;
  const started = await runOn(port, new GenericContainer(IMAGE));
  const container = engine.container.getById(started.getId());
  return {
    up: async () => engine.container.start(container),
    down: async () => engine.container.stop(container, { timeout: 10 }),
    remove: async () => void (await container.remove({ force: true, v: true })),
  };
}

async function runOn(port: number, container: GenericContainer): Promise<StartedTestContainer> {
  return container
    .withCommand(['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--appendonly', 'yes'])
    .withExposedPorts({ container: 6379, host: port })
    .withLabels({ [LABEL]: '1' })
    .withStartupTimeout(60_000)
    .start();
}
