import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AuthorizationServer } from '@moltbot/auth/testing';
import { createOAuthClient, createSealer, createVault, type TokenStore } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import { createNetwork } from '@moltbot/network';
import { openPlace, type StorePlace } from '../src/testing/store-place.js';
import { type CallerOptions, type CallerOrder, type CallerReport, CREDENTIAL } from './caller-orders.js';

/** One process that calls a provider. */
export interface Caller {
  readonly pid: number;
  /** @returns how many calls ended how; rejects where the process ended first */
  call(load: { readonly count: number; readonly gapMs: number }): Promise<Readonly<Record<string, number>>>;
  refresh(): Promise<string>;
  close(): Promise<void>;
  kill(): Promise<void>;
}

type Event = Extract<CallerReport, { type: 'event' }>['event'];

/** Processes that share one account at a provider. */
export interface Fleet {
  /** The rows, seen from beside. */
  readonly store: TokenStore;
  readonly events: readonly Event[];
  /** What must not be seen anywhere: the key, and the tokens of the sign-in. */
  readonly secrets: readonly string[];
  start(): Promise<Caller>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly server: AuthorizationServer;
  /** Made by the test; `file`: in the home of the fleet. */
  readonly place: StorePlace | 'file';
  readonly refreshTimeoutMs?: number;
  readonly refreshMarginMs?: number;
}

const PROGRAM = fileURLToPath(new URL('./caller-process.mjs', import.meta.url));

/** Signs in once, as `moltbot auth login` does; then processes can be started. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { server } = options;
  const home = await mkdtemp(join(tmpdir(), 'moltbot-fleet-'));
  const place = options.place === 'file' ? ({ kind: 'file', directory: join(home, 'tokens') } as const) : options.place;
  const store = openPlace(place);
  const key = randomBytes(32).toString('base64');
  const caller: CallerOptions = {
    issuer: server.issuer,
    api: server.endpoints.check,
    clientId: server.clients.public.clientId,
    home,
    place,
    key,
    refreshTimeoutMs: options.refreshTimeoutMs ?? 3_000,
    refreshMarginMs: options.refreshMarginMs ?? 300_000,
  };
  const tokens = await signIn({ server, store, key });
  const events: Event[] = [];
  const callers = new Set<Caller>();

  return {
    store,
    events,
    secrets: [key, ...tokens],
    async start() {
      const started = await startCaller(caller, (event) => events.push(event));
      callers.add(started);
      return started;
    },
    async close() {
      await Promise.all([...callers].map((one) => one.kill()));
      await store.close();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function signIn(parts: { server: AuthorizationServer; store: TokenStore; key: string }): Promise<string[]> {
  const { server, store, key } = parts;
  const network = createNetwork({});
  const scopes = ['openid', 'email', 'offline_access', 'model:read'];
  const { clientId } = server.clients.public;
  const client = createOAuthClient({ clientId, scopes, endpoints: endpointsOf(server), fetch: network.fetch });
  const pending = await client.beginAuthorization({ redirectUri: 'http://127.0.0.1:1/callback' });
  const tokens = await client.finishAuthorization({
    pending,
    callbackUrl: await server.signInAs({ url: pending.url }),
  });
  const entry = { type: 'oauth', client_id: clientId, scopes } as const;
  const list = [{ id: CREDENTIAL, provider: 'acme', entry }];
  const vault = createVault({
    credentials: () => list,
    keepAlive: false,
    oauth: {
      backend: async () => ({ store, sealer: async () => createSealer({ key: new Secret(key) }) }),
      prepareRefresh: () => Promise.reject(new Error('not here')),
      timing: () => ({ marginMs: 0, timeoutMs: 1_000 }),
    },
  });
  await vault.signedIn(CREDENTIAL, tokens);
  await vault.close();
  await network.close();
  return [tokens.accessToken, tokens.refreshToken].map((token) => token?.reveal() ?? '');
}

function endpointsOf(server: AuthorizationServer) {
  return { issuer: server.issuer, authorize_params: {}, required_scopes: [] };
}

async function startCaller(options: CallerOptions, onEvent: (event: Event) => void): Promise<Caller> {
  const child: ChildProcess = fork(PROGRAM, [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  const reports = new EventEmitter();
  reports.setMaxListeners(0);
  const exited = once(child, 'exit');
  let orders = 0;
  child.on('message', (message) => {
    const report = message as CallerReport;
    if (report.type === 'event') onEvent(report.event);
    else reports.emit(report.type === 'done' ? `done ${report.order}` : report.type, report);
  });

  const send = (order: CallerOrder) => child.connected && child.send(order, () => undefined);
  const answer = async (name: string): Promise<CallerReport> => {
    const came = once(reports, name) as Promise<[CallerReport]>;
    const ended = exited.then(() => Promise.reject(new Error('the process ended')));
    const [report] = await Promise.race([came, ended]);
    return report;
  };
  const done = async (order: number) => {
    const report = await answer(`done ${order}`);
    return report.type === 'done' ? report.outcomes : {};
  };

  const started = answer('started');
  send({ type: 'start', options });
  await started;
  return {
    pid: child.pid ?? 0,
    async call(load) {
      orders += 1;
      const outcomes = done(orders);
      send({ type: 'call', order: orders, ...load });
      return outcomes;
    },
    async refresh() {
      orders += 1;
      const outcomes = done(orders);
      send({ type: 'refresh', order: orders });
      return Object.keys(await outcomes)[0] ?? '';
    },
    async close() {
      send({ type: 'close' });
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

/** Adds up what calls ended with. */
export function sum(outcomes: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const one of outcomes) for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count;
  return total;
}
