import { describe, expect, it } from '@jest/globals';
import type { OAuthEntry } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { OAuthError } from './oauth-error.js';
import { signOutRecord } from './sign-in-record.js';
import { PLAIN_SEALER } from './__fixtures__/simulated-parts.js';
import {
  call,
  during,
  ENTRY,
  ID,
  lastRecord,
  LIFE_MS,
  openWorld,
  outcome,
  signIn,
  startServer,
  TIMING,
} from './__fixtures__/simulated-world.js';
import { SimulatedProcess } from './__fixtures__/simulation.js';

const OWN: OAuthEntry = { ...ENTRY, grant: 'client_credentials' };
const wait = (world: ReturnType<typeof openWorld>, ms: number) => world.simulation.runUntil(world.simulation.now + ms);

async function signedInWorld(seed = 1) {
  const world = openWorld(seed);
  await signIn(world);
  return world;
}

describe('a token that lives', () => {
  it('is handed out synchronously, once it was read', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a');
    expect(await outcome(world, () => credential.token())).toBe('access-1');
    expect(credential.token()).toBeInstanceOf(Secret);
  });

  it('is kept alive by a server that nobody calls', async () => {
    const world = await signedInWorld();
    startServer(world, 'a');
    await wait(world, 5 * LIFE_MS);
    expect(world.server.refreshes).toBeGreaterThanOrEqual(5);
    expect(world.server.refreshes).toBeLessThanOrEqual(10);
  });

  it('is refreshed by a command only when it is used', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a', { keepAlive: false });
    await wait(world, 2 * LIFE_MS);
    expect(world.server.refreshes).toBe(0);
    expect(await outcome(world, () => credential.token())).toBe('access-2');
  });

  it('serves while the token host is away, and a failure is told with the wait until the next try', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a');
    world.server.faults = { unavailable: 1 };
    await wait(world, LIFE_MS * 0.9);
    expect(world.events.length).toBeGreaterThan(0);
    expect(world.events[0]).toMatchObject({ type: 'credential-refresh-failed', failure: 'unavailable', status: 503 });
    expect(credential.token()).toBeInstanceOf(Secret);
    await wait(world, LIFE_MS * 0.2);
    const refused = await during(
      world,
      Promise.resolve().then(() => credential.token()),
    ).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'credential_refresh_failed', message: expect.stringContaining('HTTP 503') });
    world.server.faults = {};
    await wait(world, 61_000);
    expect(credential.token()).toBeInstanceOf(Secret);
  });
});

describe('a credential that can’t be refreshed', () => {
  it('without a refresh token serves to its end, and then asks for a sign-in', async () => {
    const world = openWorld(2);
    await signIn(world, { refreshToken: undefined });
    const { credential } = startServer(world, 'a');
    expect(await outcome(world, () => credential.token())).toBe('access-1');
    await wait(world, LIFE_MS);
    expect(() => credential.token()).toThrow(/gave no refresh token.*moltbot auth login anthropic:team/);
    expect(world.server.refreshes).toBe(0);
    expect(await during(world, credential.refreshNow())).toBe('not-possible');
  });

  it('that nobody signed in to says so, also where it was another client', async () => {
    const world = openWorld(3);
    const { credential } = startServer(world, 'a');
    expect(await outcome(world, () => credential.token())).toBe('credential_missing');
    expect(() => credential.token()).toThrow(/run `moltbot auth login anthropic:team`/);
    await signIn(world);
    await wait(world, 2_000);
    expect(await outcome(world, () => credential.token())).toBe('access-1');
    const other = startServer(world, 'b', { entry: { ...ENTRY, client_id: 'another' } });
    expect(await outcome(world, () => other.credential.token())).toBe('credential_missing');
  });

  it('that the server revoked is out at once, told once, and tried again only when a person asks', async () => {
    const world = await signedInWorld();
    const servers = ['a', 'b', 'c'].map((name) => startServer(world, name));
    world.server.revokeAll();
    await wait(world, 2 * LIFE_MS);
    for (const { credential } of servers) expect(() => credential.token()).toThrow(/does not take the refresh token/);
    expect(world.events.filter(({ type }) => type === 'credential-revoked')).toEqual([
      { type: 'credential-revoked', id: ID, why: 'refused' },
    ]);
    expect(await during(world, servers[0]?.credential.refreshNow())).toBe('failed');
    expect(await outcome(world, () => servers[1]?.credential.token() ?? new Secret(''))).toBe('credential_expired');
  });

  it('while its key is missing says so, and works when the key is back', async () => {
    const world = await signedInWorld();
    let isThere = false;
    const sealer = () =>
      isThere ? Promise.resolve(PLAIN_SEALER) : Promise.reject(new MoltbotError('secret_key_unavailable'));
    const { credential } = startServer(world, 'a', { sealer });
    expect(await outcome(world, () => credential.token())).toBe('secret_key_unavailable');
    isThere = true;
    expect(() => credential.token()).toThrow(MoltbotError);
    await wait(world, 1_000);
    expect(await outcome(world, () => credential.token())).toBe('access-1');
  });
});

describe('a refresh that can’t be sent', () => {
  it('because something of it can’t be resolved claims nothing', async () => {
    const world = await signedInWorld();
    const prepare = () =>
      Promise.reject(new MoltbotError('config_invalid', 'providers.anthropic.ca_file: no such file'));
    const { credential } = startServer(world, 'a', { prepare });
    await wait(world, 1.5 * LIFE_MS);
    expect(await outcome(world, () => credential.token())).toBe('credential_refresh_failed');
    expect(world.events[0]).toMatchObject({ type: 'credential-unresolved', id: ID });
    expect(world.store.writes).toHaveLength(1);
  });

  it('because its process does not start is tried twice, and then counted as a failure', async () => {
    const world = await signedInWorld();
    const attempts: number[] = [];
    const { credential } = startServer(world, 'a', {
      run: ({ attempt }) => {
        attempts.push(attempt);
        return Promise.reject(new Error('EAGAIN'));
      },
    });
    expect(await during(world, credential.refreshNow())).toBe('failed');
    expect(attempts).toEqual([1, 2]);
    expect(lastRecord(world)).toMatchObject({ state: 'signed-in', lastFailure: { failure: 'not-started' } });
    expect(lastRecord(world)).not.toHaveProperty('claim');
    expect(lastRecord(world)).not.toHaveProperty('pair.inDoubt');
  });

  it('because its process stands still for good is taken over by the one that began it', async () => {
    const world = await signedInWorld();
    let orders = 0;
    const { credential } = startServer(world, 'a', {
      run: () => {
        orders += 1;
        return orders === 1 ? new Promise(() => undefined) : undefined;
      },
    });
    await wait(world, 3 * LIFE_MS);
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'credential-taken-over', sent: false }));
    expect(await outcome(world, () => credential.token())).toBe(`access-${world.server.refreshes + 1}`);
    expect(world.server.refreshes).toBeGreaterThanOrEqual(2);
  });

  it('because the client was refused waits long, and revokes nothing', async () => {
    const world = await signedInWorld();
    const refused = new OAuthError('no', {
      failure: 'refused',
      code: 'invalid_client',
      status: 401,
      maybeApplied: false,
    });
    const client = world.server.clientFor(new SimulatedProcess(world.simulation));
    world.server.clientFor = () => ({ ...client, refresh: () => Promise.reject(refused) });
    const { credential } = startServer(world, 'a');
    await wait(world, 2 * LIFE_MS);
    expect(world.events).toHaveLength(1);
    const error = await during(
      world,
      Promise.resolve().then(() => credential.token()),
    ).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'credential_refresh_failed',
      message: expect.stringContaining('invalid_client'),
    });
    expect((error as MoltbotError).retryAfterMs).toBeGreaterThan(1_000);
    // Somebody mended the entry: it need not wait.
    Reflect.deleteProperty(world.server, 'clientFor');
    credential.update(credential.credential);
    expect(await outcome(world, () => credential.token())).toBe('access-2');
  });
});

describe('a sign-out', () => {
  it('counts against a refresh that is on its way', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a');
    await wait(world, 1_000);
    const refresh = credential.refreshNow();
    refresh.catch(() => undefined);
    for (; lastRecord(world)?.claim?.sent !== true; ) await wait(world, 1);
    const process = new SimulatedProcess(world.simulation);
    const backend = { store: world.store.for(process), sealer: () => Promise.resolve(PLAIN_SEALER) };
    const parts = { backend, credential: credential.credential, now: () => 0 };
    const tokens = await during(world, signOutRecord(parts));
    expect(tokens?.refreshToken?.reveal()).toBe('refresh-1');
    await during(world, refresh);
    await wait(world, 5_000);
    expect(lastRecord(world)?.state).toBe('signed-out');
    expect(() => credential.token()).toThrow(/Nobody is signed in/);
    expect(await during(world, signOutRecord(parts))).toBeUndefined();
  });
});

describe('a client that signs in by itself', () => {
  it('does so once for all who ask, and not for nobody', async () => {
    const world = openWorld(4);
    const servers = ['a', 'b', 'c'].map((name) => startServer(world, name, { entry: OWN }));
    await wait(world, LIFE_MS);
    expect(lastRecord(world)).toBeUndefined();
    for (const server of servers) for (let calls = 0; calls < 5; calls += 1) void call(world, server);
    await wait(world, 3_000);
    expect(world.failures).toEqual([]);
    expect(lastRecord(world)).toMatchObject({ state: 'signed-in', pair: { base: 0 } });
    expect(world.store.writes.filter(({ value }) => value.includes('"sealed"'))).toHaveLength(1);
    await wait(world, 3 * LIFE_MS);
    // Once more ahead of its end, as it was in use; then nobody asked.
    expect(world.store.writes.filter(({ value }) => value.includes('"sealed"')).length).toBeLessThanOrEqual(4);
  });
});

describe('a token that was rejected', () => {
  it('is replaced once, whoever was rejected when, and not again while it is new', async () => {
    const world = await signedInWorld();
    const servers = ['a', 'b'].map((name) => startServer(world, name));
    await wait(world, 500);
    const old = new Secret('access-1');
    const rejections = servers.flatMap(({ credential }) =>
      Array.from({ length: 20 }, () => credential.refreshAfterRejection(old)),
    );
    expect(await during(world, Promise.all(rejections))).toEqual(rejections.map(() => true));
    expect(world.server.refreshes).toBe(1);
    const [server] = servers;
    const again = server?.credential.refreshAfterRejection(new Secret('access-2'));
    expect(await during(world, again)).toBe(false);
    // Who comes late with the old one is told of the new one.
    expect(await server?.credential.refreshAfterRejection(old)).toBe(true);
    expect(world.server.refreshes).toBe(1);
  });

  it('is not replaced where the store does not answer', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a');
    await wait(world, 500);
    world.store.downUntil = world.simulation.now + 60_000;
    expect(await during(world, credential.refreshAfterRejection(new Secret('access-1')))).toBe(false);
    expect(credential.token()).toBeInstanceOf(Secret);
  });
});

describe('clocks that differ by an hour', () => {
  it('cost a refresh at the start, not with each token', async () => {
    const world = await signedInWorld();
    const hour = 3_600_000;
    const servers = [0, hour, -hour].map((clockOffset, index) => startServer(world, `s${index}`, { clockOffset }));
    const started = world.simulation.now;
    for (let at = 0; at < 10 * LIFE_MS; at += 500) {
      world.simulation.schedule(at, () => {
        for (const server of servers) void call(world, server);
      });
    }
    await wait(world, 10 * LIFE_MS);
    expect(world.server.reuses).toBe(0);
    expect(world.failures).toEqual([]);
    expect(world.server.refreshes).toBeLessThanOrEqual((world.simulation.now - started) / (LIFE_MS / 2) + 2);
  });
});

describe('closing', () => {
  it('waits for the refresh that runs, as long as one may take, and begins no other', async () => {
    const world = await signedInWorld();
    const { credential } = startServer(world, 'a');
    await wait(world, 500);
    const refresh = credential.refreshNow().catch((error: unknown) => (error as MoltbotError).code);
    for (; lastRecord(world)?.claim?.sent !== true; ) await wait(world, 1);
    const before = world.simulation.now;
    await during(world, credential.close());
    expect(lastRecord(world)).toMatchObject({ state: 'signed-in', pair: { base: 1 } });
    expect(world.simulation.now - before).toBeLessThanOrEqual(TIMING.timeoutMs);
    await during(world, refresh);
    await wait(world, 5 * LIFE_MS);
    expect(world.server.refreshes).toBe(1);
  });
});
