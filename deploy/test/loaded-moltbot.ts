import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import {
  type PrimaryProcess,
  startPrimary,
  temporaryHome,
  writeConfig,
} from '../../apps/primary/test/primary-process.js';
import { type GuardedUpstream, startGuardedUpstream } from '../../apps/primary/test/guarded-upstream.js';
import { spawnWorker, type WorkerProcess } from '../../apps/worker/test/worker-process.js';
import { generateApiKey } from '../../packages/auth/src/index.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../packages/auth/src/testing.js';
import { type Behaviour, type ScriptedUpstream, startScriptedUpstream } from '../../packages/providers/src/testing.js';
import { type RedisServer, startRedisServer } from '../../packages/state/src/testing/redis-server.js';
import { openStorage, type Storage } from '../../packages/storage/src/index.js';

const USAGE = {
  inputTokens: 900,
  outputTokens: 60,
  cachedInputTokens: 400,
  cacheWriteTokens: 100,
  reasoningTokens: 20,
};

/** What the upstream does, by the model that is asked for. */
const MODELS: Readonly<Record<string, Behaviour>> = {
  good: { type: 'answer', intervalMs: 2, answer: { usage: USAGE } },
  slow: { type: 'answer', intervalMs: 40, answer: { usage: USAGE } },
  dear: { type: 'answer', answer: { usage: { inputTokens: 10, outputTokens: 4_000 } } },
  busy: { type: 'status', status: 503 },
  gone: { type: 'status', status: 500 },
  limited: { type: 'status', status: 401 },
  cut: { type: 'cut', after: 20, intervalMs: 1 },
  stall: { type: 'stall', after: 20, intervalMs: 1 },
};

const DRILL_WITHIN_MS = 90_000;

/** Two primaries and a worker of one installation, with all that can go well and wrong, over and over. */
export interface LoadedMoltbot {
  readonly primaries: readonly PrimaryProcess[];
  /** `host:port` of metrics, by job. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Begins to break a chain on purpose, as a job. */
  drill(): Promise<void>;
  /** That has ended. */
  drilled(): Promise<void>;
  /** One round of everything. */
  round(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLoadedMoltbot(): Promise<LoadedMoltbot> {
  const home = temporaryHome();
  const closers: (() => Promise<unknown>)[] = [async () => home.remove()];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const redis: RedisServer = await startRedisServer();
    closers.push(async () => redis.remove());
    const storage: Storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    closers.push(async () => storage.close());
    const lab: ScriptedUpstream = await startScriptedUpstream({
      script: ({ model }) => MODELS[model] ?? { type: 'answer' },
    });
    closers.push(async () => lab.close());
    // Short lives: each token is refreshed within seconds.
    const authorization: AuthorizationServer = await startAuthorizationServer({ accessTokenSeconds: 6 });
    closers.push(async () => authorization.stop());
    const acme: GuardedUpstream = await startGuardedUpstream({ isGood: async (token) => authorization.isLive(token) });
    closers.push(async () => acme.close());

    const config = makeConfig({ redis, lab, authorization, acme });
    writeFileSync(join(home.path, 'auth.json'), JSON.stringify(makeAuth(authorization)), { mode: 0o600 });
    const first = await startPrimary({ home: home.path, config });
    closers.push(async () => first.stop());
    const second = await startPrimary({ home: home.path, config });
    closers.push(async () => second.stop());
    const worker: WorkerProcess = spawnWorker({ home: home.path, flags: { 'worker.concurrency': 2 } });
    closers.push(async () => {
      worker.kill('SIGTERM');
      await worker.ended();
    });
    const workerPort = await worker.ready();

    const keys = {
      free: await createKey(storage, { scopes: ['chat', 'jobs', 'admin'] }),
      budget: await createKey(storage, { limits: { budget_per_month: 1_000 } }),
      limited: await createKey(storage, { limits: { requests_per_minute: 1 } }),
    };
    let rounds = 0;
    let drillId = '';
    const asOperator = { authorization: `Bearer ${keys.free}`, 'content-type': 'application/json' };
    return {
      primaries: [first, second],
      targets: {
        'moltbot-primary': [first, second].map(({ opsUrl }) => new URL(opsUrl).host),
        'moltbot-worker': [`127.0.0.1:${workerPort}`],
      },
      async drill() {
        const body = JSON.stringify({ type: 'drill', payload: { chain: 'alone', form: 'quick' } });
        const answer = await fetch(`${first.url}/v1/jobs`, { method: 'POST', headers: asOperator, body });
        drillId = ((await answer.json()) as { readonly id: string }).id;
      },
      async drilled() {
        for (const until = performance.now() + DRILL_WITHIN_MS; performance.now() < until; await sleepFor(250)) {
          const answer = await fetch(`${first.url}/v1/jobs/${drillId}`, { headers: asOperator });
          const { state } = (await answer.json()) as { readonly state: string };
          if (state === 'completed') return;
        }
        throw new Error(`the drill has not ended:\n${JSON.stringify(worker.records().slice(-20), undefined, 1)}`);
      },
      async round() {
        rounds += 1;
        await Promise.all([load(first.url, keys), load(second.url, keys)]);
        // One change that is taken, and one that is not.
        writeConfig(home.path, { ...config, retry_budget: { burst: 20 + rounds } });
        await sleepFor(700);
        writeFileSync(join(home.path, 'config.yml'), 'models: [');
        await sleepFor(700);
        writeConfig(home.path, config);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function makeConfig(parts: {
  readonly redis: RedisServer;
  readonly lab: ScriptedUpstream;
  readonly authorization: AuthorizationServer;
  readonly acme: GuardedUpstream;
}): Record<string, unknown> {
  const { redis, lab, authorization, acme } = parts;
  const price = { input: 3, output: 15, cached_input: 0.3 };
  const openAi = { kind: 'openai-compatible', base_url: lab.baseUrl('openai-chat') };
  return {
    server: { access: 'api_key' },
    state: { url: redis.url },
    queue: { url: redis.url },
    models: {
      primary: 'lab:busy',
      fallbacks: ['lab:good', 'demo:assistant'],
      retry_policy: { max_attempts: 1 },
      chains: {
        rescued: { primary: 'lab:cut', fallbacks: ['lab:good'] },
        alone: { primary: 'lab:gone' },
        locked: { primary: 'locked:limited', fallbacks: ['acme:m'] },
      },
    },
    providers: {
      lab: {
        ...openAi,
        models: {
          good: { price },
          slow: { price },
          dear: { price, max_output_tokens: 10 },
          busy: {},
          gone: {},
          cut: {},
          stall: {},
        },
      },
      claude: { kind: 'anthropic', base_url: lab.baseUrl('anthropic-messages'), models: { good: { price } } },
      locked: { ...openAi, models: { limited: {} } },
      acme: {
        kind: 'openai-compatible',
        base_url: acme.baseUrl,
        oauth: { issuer: authorization.issuer },
        models: { m: {} },
      },
    },
    timeouts: { gap: '400ms' },
    // A disk that is full: lines are dropped, answers are not.
    logs: { file: '/dev/full' },
    // A collector of traces that takes none.
    tracing: { otlp_endpoint: `${lab.baseUrl('openai-chat')}/traces` },
    breaker: { failures: 2, open_for: '500ms', max_open_for: '1s' },
  };
}

function makeAuth(authorization: AuthorizationServer): Record<string, unknown> {
  const { clientId, clientSecret } = authorization.clients.basic;
  return {
    lab: { type: 'api_key', key: 'sk-lab' },
    claude: { type: 'api_key', key: 'sk-claude' },
    locked: { type: 'api_key', key: 'sk-locked' },
    acme: {
      type: 'oauth',
      grant: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scopes: ['model:read'],
    },
  };
}

let keyNumber = 0;

async function createKey(
  storage: Storage,
  options: Partial<Pick<Parameters<Storage['apiKeys']['create']>[0], 'scopes' | 'limits'>>,
): Promise<string> {
  const { key, hash, prefix } = generateApiKey();
  keyNumber += 1;
  await storage.apiKeys.create({ name: `key-${keyNumber}`, hash, prefix, scopes: ['chat'], ...options });
  return key.reveal();
}

/** Each way a request can end, at one primary. */
async function load(url: string, keys: Readonly<Record<'free' | 'budget' | 'limited', string>>): Promise<void> {
  const post = async (path: string, body: object, key = keys.free, signal?: AbortSignal): Promise<number> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const answer = await fetch(url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
    await answer.text().catch(() => undefined);
    return answer.status;
  };
  const message = { max_tokens: 500, messages: [{ role: 'user', content: 'Hello there' }] };
  const chat = async (model: string, more: object = {}, key = keys.free): Promise<number> =>
    post('/v1/chat/completions', { ...message, model, ...more }, key).catch(() => 0);
  const stream = { stream: true };

  await Promise.all([
    ...['default', 'lab:good', 'demo:assistant', 'rescued', 'alone', 'locked', 'acme:m', 'claude:good'].flatMap(
      (model) => [chat(model), chat(model, stream)],
    ),
    chat('lab:cut', stream),
    chat('lab:stall', stream),
    chat('lab:good', { temperature: 'hot' }),
    chat('nobody:here'),
    chat('default', {}, 'mb_wrong'),
    chat('lab:good', {}, keys.budget),
    chat('lab:slow', stream, keys.budget),
    chat('lab:dear', {}, keys.budget),
    chat('lab:good', {}, keys.limited),
    chat('lab:good', {}, keys.limited),
    post(
      '/v1/chat/completions',
      { ...message, ...stream, model: 'demo:tokens=500,rate=20ms' },
      keys.free,
      AbortSignal.timeout(200),
    ).catch(() => 0),
    post('/v1/messages', { ...message, model: 'claude:good' }),
    post('/v1/messages', { ...message, ...stream, model: 'demo:reasoning=20' }),
    post('/v1/messages/count_tokens', { ...message, model: 'demo:assistant' }),
    post('/v1/embeddings', { model: 'demo:embedding', input: ['one', 'two'] }),
    post('/v1/jobs', {
      type: 'warmup',
      payload: { models: ['demo:assistant', 'lab:good', 'lab:gone', 'nobody:here'] },
    }),
    post('/v1/jobs', { type: 'warmup', payload: { models: ['rescued', 'default'] } }),
    post('/v1/jobs', { type: 'probe', payload: { steps: 2, wait_ms: 300 } }),
    post('/v1/jobs', { type: 'probe', payload: { steps: 2, wait_ms: 300 } }),
  ]);
  // A while later: the breakers that opened let a probe through.
  await sleepFor(700);
  await Promise.all([chat('alone'), chat('alone', stream), chat('default', stream)]);
}
