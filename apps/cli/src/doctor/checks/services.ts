import { join } from 'node:path';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { isRedisUrl } from '@moltbot/redis';
import { embeddedPostgresStatus, openDatabase, schemaStanding } from '@moltbot/storage';
import {
  type Check,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { askRedis } from '../measure/ask-redis.js';
import { codeOf } from '../measure/sign-in-endpoints.js';

const CONNECT_MS = 4_000;

export const storageReachable: Check = configuredCheck('storage.reachable', async (context) => {
  const { url } = context.config.settings.storage;
  return [url === 'embedded' ? await embedded(context) : await reachPostgres(url, 'storage-unreachable')];
});

/** Its files and processes are looked at; it is not joined, that would keep it running. */
async function embedded({ paths, config, measured }: ConfiguredContext): Promise<Observation> {
  const status = embeddedPostgresStatus({ dataDirectory: join(paths.dataDirectory, 'postgres') });
  if (status.state !== 'running') return { status: 'skipped', reason: 'embedded-stopped' };
  const { primary } = await measured.roles(config);
  const evidence: readonly Evidence[] = [
    { label: 'file', value: status.directory },
    { label: 'process', value: String(status.pid) },
    ...(primary.reachable ? [{ label: 'others' as const, value: primary.url }] : []),
  ];
  return { status: 'ok', evidence };
}

export const storageVersion: Check = configuredCheck('storage.version', async ({ config }) => {
  const { url } = config.settings.storage;
  if (url === 'embedded') return [{ status: 'skipped', reason: 'embedded-stopped' }];
  const db = openDatabase({
    connection: { url: new Secret(url) },
    poolSize: 1,
    connectTimeoutMs: CONNECT_MS,
    statementTimeoutMs: CONNECT_MS,
    applicationName: 'moltbot-doctor',
    onError: () => undefined,
  });
  try {
    const { missing, unknown } = await schemaStanding(db);
    const where = { label: 'url' as const, value: shownUrl(url) };
    if (unknown.length > 0) {
      const migrations = unknown.join(', ');
      const evidence: readonly Evidence[] = [where, { label: 'version', value: migrations }];
      return [finding({ status: 'error', code: 'storage-too-new', facts: { migrations }, evidence })];
    }
    // An empty database is what a first start finds.
    return [
      {
        status: 'ok',
        evidence: [where, ...(missing.length > 0 ? [{ label: 'needed' as const, value: missing.join(', ') }] : [])],
      },
    ];
  } catch (error) {
    if (error instanceof MoltbotError) return [{ status: 'skipped', reason: 'not-reached' }];
    throw error;
  } finally {
    await db.close();
  }
});

export const queueReachable: Check = configuredCheck('queue.reachable', async ({ config }, signal) => {
  const { url } = config.settings.queue;
  if (url === 'storage') return [];
  return [
    isRedisUrl(url)
      ? await reachRedis(url, 'queue-unreachable', signal)
      : await reachPostgres(url, 'queue-unreachable'),
  ];
});

export const stateReachable: Check = configuredCheck('state.reachable', async ({ config }, signal) => {
  const { state, queue } = config.settings;
  const url = state.url === 'auto' ? queue.url : state.url;
  return isRedisUrl(url) ? [await reachRedis(url, 'state-unreachable', signal)] : [];
});

export const credentialsStore: Check = configuredCheck('credentials.store', async ({ config, signIns }) => {
  if (!config.credentials.some(({ entry }) => entry.type === 'oauth')) return [];
  const { where } = signIns;
  try {
    const statuses = await signIns.statuses();
    if (statuses === undefined) return [{ status: 'skipped', reason: 'embedded-stopped' }];
    // Only what is sealed already needs the key.
    const reason = statuses.some(({ issuedAt }) => issuedAt !== undefined) ? await signIns.keyProblem() : undefined;
    if (reason !== undefined) {
      const evidence: readonly Evidence[] = [{ label: 'error', value: reason }];
      return [finding({ status: 'error', code: 'secret-key-missing', facts: { reason }, evidence })];
    }
    return [{ status: 'ok', evidence: [{ label: 'url', value: where }] }];
  } catch (error) {
    const reason = error instanceof MoltbotError ? error.message : codeOf(error);
    const evidence: readonly Evidence[] = [
      { label: 'url', value: where },
      { label: 'error', value: reason },
    ];
    return [finding({ status: 'error', code: 'token-store-unreachable', facts: { where, reason }, evidence })];
  }
});

async function reachRedis(
  url: string,
  code: 'queue-unreachable' | 'state-unreachable',
  signal: AbortSignal,
): Promise<Observation> {
  const where = shownUrl(url);
  const answer = await askRedis({ url, signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]) });
  if (answer.problem !== undefined) return unreachable(code, where, answer.problem);
  return {
    status: 'ok',
    evidence: [
      { label: 'url', value: where },
      { label: 'version', value: `Redis ${answer.version}` },
      { label: 'latency', value: `${answer.ms} ms` },
    ],
  };
}

const VERSION = { name: 'moltbot_doctor_version', text: `select current_setting('server_version') as version` };

async function reachPostgres(url: string, code: 'storage-unreachable' | 'queue-unreachable'): Promise<Observation> {
  const where = shownUrl(url);
  const db = openDatabase({
    connection: { url: new Secret(url) },
    poolSize: 1,
    connectTimeoutMs: CONNECT_MS,
    statementTimeoutMs: CONNECT_MS,
    applicationName: 'moltbot-doctor',
    onError: () => undefined,
  });
  const began = performance.now();
  try {
    const [row] = await db.run<{ version: string }>(VERSION, []);
    return {
      status: 'ok',
      evidence: [
        { label: 'url', value: where },
        { label: 'version', value: `PostgreSQL ${row?.version ?? '?'}` },
        { label: 'latency', value: `${Math.round(performance.now() - began)} ms` },
      ],
    };
  } catch (error) {
    const cause = error instanceof MoltbotError ? error.cause : error;
    const told = error instanceof MoltbotError ? `${error.message} (${codeOf(cause)})` : codeOf(error);
    return unreachable(code, where, told);
  } finally {
    await db.close();
  }
}

function unreachable(
  code: 'storage-unreachable' | 'queue-unreachable' | 'state-unreachable',
  where: string,
  reason: string,
): Observation {
  const evidence: readonly Evidence[] = [
    { label: 'url', value: where },
    { label: 'error', value: reason },
  ];
  return finding({ status: 'error', code, facts: { where, reason }, evidence });
}

/** Without login and parameters. */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url.replace(/\/\/.*@/s, '//').replace(/[?#].*$/s, '');
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}
