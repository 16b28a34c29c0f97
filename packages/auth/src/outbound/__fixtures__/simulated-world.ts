import type { OAuthEntry } from '@moltbot/config';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import { OAuthCredential } from '../oauth-credential.js';
import type { PreparedRefresh } from '../refresh-turn.js';
import { runRefresh } from '../run-refresh.js';
import { signInRecord } from '../sign-in-record.js';
import { parseTokenRecord, type TokenRecord } from '../token-record.js';
import type { VaultEvent } from '../vault-event.js';
import { PLAIN_SEALER, SimulatedServer, SimulatedStore } from './simulated-parts.js';
import { SimulatedProcess, Simulation } from './simulation.js';

export const ID = 'anthropic:team';
export const ENTRY: OAuthEntry = { type: 'oauth', client_id: 'app', scopes: ['model:read'] };
export const TIMING = { marginMs: 300_000, timeoutMs: 2_000 };
export const LIFE_MS = 10_000;

export interface World {
  readonly simulation: Simulation;
  readonly store: SimulatedStore;
  readonly server: SimulatedServer;
  readonly events: VaultEvent[];
  /** What calls for tokens ended with. */
  readonly failures: MoltbotError[];
  calls: number;
  /** Tokens that were rejected and stayed so after the forced refresh. */
  rejected: number;
  /** Share of refresh processes that are killed somewhere. */
  killChildren: number;
  /** Share of their steps at which refresh processes stand still. */
  stalls: number;
}

/** A server of MoltBot. */
export interface Server {
  readonly process: SimulatedProcess;
  readonly credential: OAuthCredential;
}

export interface ServerOptions {
  readonly clockOffset?: number;
  readonly entry?: OAuthEntry;
  readonly keepAlive?: boolean;
  readonly sealer?: () => Promise<typeof PLAIN_SEALER>;
  /** Instead of a refresh process; `undefined`: that one after all. */
  readonly run?: (order: Parameters<PreparedRefresh['run']>[0]) => Promise<void> | undefined;
  readonly prepare?: () => Promise<void>;
}

export function startServer(world: World, name: string, options: ServerOptions = {}): Server {
  const { simulation, store, server } = world;
  const { clockOffset = 0, entry = ENTRY } = options;
  const process = new SimulatedProcess(simulation, clockOffset);
  const backend = { store: store.for(process), sealer: options.sealer ?? (() => Promise.resolve(PLAIN_SEALER)) };
  const grant = entry.grant === 'client_credentials' ? 'client_credentials' : 'refresh_token';
  const credential = new OAuthCredential({
    credential: { id: ID, provider: 'anthropic', entry },
    backend: () => Promise.resolve(backend),
    prepare: async () => {
      await process.ask(simulation.latency(0, 20), () => undefined, 0);
      await options.prepare?.();
      return {
        run: async (order) => {
          const instead = options.run?.(order);
          if (instead !== undefined) return instead;
          // A process of its own: it outlives its parent, and may be killed itself.
          const child = new SimulatedProcess(simulation, clockOffset);
          child.stalls = world.stalls;
          if (simulation.random() < world.killChildren) {
            simulation.schedule(simulation.latency(0, 3_000), () => child.kill());
          }
          const refresh = async () => {
            await child.ask(simulation.latency(5, 700), () => undefined, 0);
            await runRefresh({
              store: store.for(child),
              sealer: PLAIN_SEALER,
              client: () => server.clientFor(child),
              credentialId: ID,
              clientId: entry.client_id,
              claim: order.claim,
              grant,
              timeoutMs: TIMING.timeoutMs,
              keepTryingMs: 300_000,
              clock: child.clock,
            });
          };
          return Promise.race([refresh(), child.killed]);
        },
      };
    },
    timing: () => TIMING,
    keepAlive: options.keepAlive ?? true,
    holder: name,
    clock: process.clock,
    random: simulation.random,
    isCurrent: () => true,
    onEvent: (event) => world.events.push(event),
    onStoreError: () => undefined,
    onStoreAnswer: () => undefined,
  });
  backend.store.watch(() => credential.changed());
  if (options.keepAlive ?? true) credential.changed();
  return { process, credential };
}

/** As a provider is called: with the token, and once more with another one after a 401. */
export async function call(world: World, { process, credential }: Server): Promise<void> {
  world.calls += 1;
  try {
    const token = await credential.token();
    await world.simulation.delay(world.simulation.latency(1, 100));
    if (!process.alive || world.server.isLive(token.reveal())) return;
    await credential.refreshAfterRejection(token);
    const again = await credential.token();
    if (process.alive && !world.server.isLive(again.reveal())) world.rejected += 1;
  } catch (error) {
    if (!(error instanceof MoltbotError)) throw error;
    if (process.alive) world.failures.push(error);
  }
}

export function openWorld(seed: number, options: { strict?: boolean } = {}): World {
  const simulation = new Simulation(seed);
  return {
    simulation,
    store: new SimulatedStore(simulation),
    server: new SimulatedServer(simulation, { lifeMs: LIFE_MS, strict: options.strict ?? true }),
    events: [],
    failures: [],
    calls: 0,
    rejected: 0,
    killChildren: 0,
    stalls: 0,
  };
}

/** As `moltbot auth login` does, in a process of its own. */
export async function signIn(world: World, change: Partial<ReturnType<SimulatedServer['signIn']>> = {}): Promise<void> {
  const process = new SimulatedProcess(world.simulation);
  const backend = { store: world.store.for(process), sealer: () => Promise.resolve(PLAIN_SEALER) };
  const credential = { id: ID, provider: 'anthropic', entry: ENTRY };
  const { errorRate, downUntil } = world.store;
  Object.assign(world.store, { errorRate: 0, downUntil: 0 });
  const tokens = { ...world.server.signIn(process.clock), ...change };
  await during(world, signInRecord({ backend, credential, now: () => process.clock.now() }, tokens));
  Object.assign(world.store, { errorRate, downUntil });
}

/** Lets time pass until it has come to its end. */
export async function during<Value>(world: World, action: Promise<Value> | Value): Promise<Value> {
  let ended = false;
  const done = Promise.resolve(action).finally(() => {
    ended = true;
  });
  done.catch(() => undefined);
  for (const end = world.simulation.now + 3_600_000; !ended && world.simulation.now < end; ) {
    await world.simulation.runUntil(world.simulation.now + 50);
  }
  return done;
}

/** What a call for the token ends with: the token, or the code of its error. */
export async function outcome(world: World, ask: () => Secret | Promise<Secret>): Promise<string> {
  try {
    return (await during(world, ask())).reveal();
  } catch (error) {
    if (error instanceof MoltbotError) return error.code;
    throw error;
  }
}

export function lastRecord(world: World): TokenRecord | undefined {
  return parseTokenRecord(world.store.row(ID)?.value ?? '');
}
