import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { type RedisTestServer, startRedisServer } from '../../queue/test/redis-server.js';
import { type CuttableLink, openLink } from '../src/testing/cuttable-link.js';
import { CREDENTIAL } from './caller-orders.js';
import { type Caller, type Fleet, openFleet, sum } from './fleet.js';

let server: AuthorizationServer;
let fleet: Fleet;
let seconds: number;

beforeEach(async () => {
  seconds = 600;
  server = await startAuthorizationServer({ accessTokenSeconds: () => seconds });
});
afterEach(async () => {
  await fleet.close();
  await server.stop();
});

const startCallers = (count: number): Promise<Caller[]> =>
  Promise.all(Array.from({ length: count }, () => fleet.start()));

const callAll = async (callers: readonly Caller[], load: { count: number; gapMs: number }) =>
  sum(await Promise.all(callers.map((caller) => caller.call(load))));

/** Calls that were answered; a token may come to its end on the way, and is then replaced. The others by what they ended with. */
async function answers(callers: readonly Caller[], load: { count: number; gapMs: number }) {
  const { answered = 0, 'answered after a 401': second = 0, ...failed } = await callAll(callers, load);
  return { answered: answered + second, ...failed };
}

const eventTypes = () => fleet.events.map(({ type }) => type);

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await happened())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function record(): Promise<{
  readonly state?: string;
  readonly why?: string;
  readonly claim?: { sent: boolean };
}> {
  return JSON.parse((await fleet.store.read(CREDENTIAL))?.value ?? '{}') as Awaited<ReturnType<typeof record>>;
}

describe('a token that all providers reject', () => {
  it('is refreshed once for 200 calls of 4 processes at the same time', async () => {
    fleet = await openFleet({ server, place: 'file', refreshTimeoutMs: 10_000 });
    const callers = await startCallers(4);
    expect(await callAll(callers, { count: 1, gapMs: 0 })).toEqual({ answered: 4 });
    server.endAccessTokens();
    expect(await callAll(callers, { count: 50, gapMs: 0 })).toEqual({ 'answered after a 401': 200 });
    expect(server.refreshes).toBe(1);
    expect(fleet.events).toEqual([expect.objectContaining({ type: 'credential-refreshed', forced: true })]);

    // Rejected again, though it is new: it is not the token, and another one would not help.
    server.endAccessTokens();
    expect(await callAll(callers, { count: 50, gapMs: 0 })).toEqual({ rejected: 200 });
    expect(server.refreshes).toBe(1);
  }, 60_000);
});

describe('a refresh token that the server does not take any more', () => {
  it('takes the credential out in all 8 processes, is told once, and is not asked about again', async () => {
    fleet = await openFleet({ server, place: 'file', refreshTimeoutMs: 10_000 });
    const callers = await startCallers(8);
    await callAll(callers, { count: 1, gapMs: 0 });
    await server.revokeGrant();
    const outcomes = await callAll(callers, { count: 20, gapMs: 5 });
    // Refused by the API, then by the vault.
    expect(Object.keys(outcomes).filter((name) => !['rejected', 'credential_expired'].includes(name))).toEqual([]);
    expect(await callAll(callers, { count: 5, gapMs: 5 })).toEqual({ credential_expired: 40 });
    expect(eventTypes().filter((type) => type === 'credential-revoked')).toHaveLength(1);
    expect(server.tokenRequests.filter(({ grantType }) => grantType === 'refresh_token')).toHaveLength(1);
    expect(await record()).toMatchObject({ state: 'revoked', why: 'refused' });
  }, 60_000);
});

describe('a token host that is away', () => {
  it('stops no call while the token lives, and is asked with growing pauses until it is back', async () => {
    seconds = 12;
    fleet = await openFleet({ server, place: 'file', refreshTimeoutMs: 10_000 });
    const mend = server.breakTokenEndpoint({ kind: 'answer', status: 503, body: '{}' });
    const callers = await startCallers(2);
    await until(() => fleet.events.filter(({ type }) => type === 'credential-refresh-failed').length >= 2);
    expect(await answers(callers, { count: 20, gapMs: 10 })).toEqual({ answered: 40 });
    mend();
    seconds = 600;
    await until(() => server.refreshes === 1);
    expect(await answers(callers, { count: 20, gapMs: 10 })).toEqual({ answered: 40 });
    const failures = fleet.events.filter((event) => event.type === 'credential-refresh-failed');
    // Shared by the processes: not two of them each.
    expect(failures.length).toBeLessThanOrEqual(4);
    expect(failures[0]).toMatchObject({ failure: 'unavailable', status: 503 });
    expect(server.reuses).toBe(0);
  }, 60_000);
});

describe('a store that is away', () => {
  let redis: RedisTestServer;
  let link: CuttableLink;
  beforeEach(async () => {
    redis = await startRedisServer();
    link = await openLink(Number(new URL('url' in redis.connection ? String(redis.connection.url) : '').port));
  });
  afterEach(async () => {
    await link.close();
    await redis.remove();
  });

  it('never makes two refreshers: live tokens serve, expired ones are refused in time, and one refresh follows', async () => {
    seconds = 4;
    const place = { kind: 'redis', url: `redis://127.0.0.1:${link.port}` } as const;
    fleet = await openFleet({ server, place, refreshTimeoutMs: 10_000 });
    seconds = 600;
    await link.refuse();
    const callers = await startCallers(3);
    const began = performance.now();
    // They never saw the token: without the store there is none.
    expect(await callAll(callers, { count: 5, gapMs: 1 })).toEqual({ token_store_unavailable: 15 });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(server.tokenRequests.filter(({ grantType }) => grantType === 'refresh_token')).toEqual([]);
    await link.mend();
    await until(() => server.refreshes > 0);
    await until(async () => (await callAll(callers, { count: 1, gapMs: 0 }))['answered'] === 3);
    expect(await callAll(callers, { count: 10, gapMs: 5 })).toEqual({ answered: 30 });
    expect(server.refreshes).toBe(1);

    // Known now: it serves without the store.
    await link.refuse();
    expect(await callAll(callers, { count: 10, gapMs: 20 })).toEqual({ answered: 30 });
    expect(server.refreshes).toBe(1);
    expect(server.reuses).toBe(0);
  }, 60_000);

  it('in the middle of a refresh: the pair is kept until the store takes it, also when its server is killed', async () => {
    const place = { kind: 'redis', url: `redis://127.0.0.1:${link.port}` } as const;
    fleet = await openFleet({ server, place, refreshTimeoutMs: 10_000 });
    const [caller] = await startCallers(1);
    await caller?.call({ count: 1, gapMs: 0 });
    server.breakTokenEndpoint({ kind: 'late-answer', ms: 1_500 }, { times: 1 });
    const refresh = caller?.refresh().catch(() => 'killed');
    await until(() => server.refreshes === 1);
    await link.refuse();
    await caller?.kill();
    expect(await refresh).toBe('killed');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await link.mend();
    await until(async () => (await record().catch(() => ({ claim: {} }))).claim === undefined);
    const [another] = await startCallers(1);
    expect(await another?.refresh()).toBe('refreshed');
    expect({ refreshes: server.refreshes, reuses: server.reuses }).toEqual({ refreshes: 2, reuses: 0 });
  }, 60_000);
});

// What a process looks like from outside is only told by Linux. Elsewhere that is said: a skipped test would count as failed.
const onLinux = existsSync('/proc/self/environ')
  ? describe
  : (name: string) => void process.stderr.write(`not tried, for want of /proc: ${name}\n`);

onLinux('the refresh process', () => {
  it('shows no secret, holds no socket of its parent, and outlives the group of its parent', async () => {
    fleet = await openFleet({ server, place: 'file', refreshTimeoutMs: 10_000 });
    const [caller] = await startCallers(1);
    await caller?.call({ count: 1, gapMs: 0 });
    server.breakTokenEndpoint({ kind: 'late-answer', ms: 1_500 }, { times: 1 });
    const refresh = caller?.refresh().catch(() => 'killed');
    await until(() => server.refreshes === 1);
    const pid = childOf(caller?.pid ?? 0);
    const seen = `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')} ${readFileSync(`/proc/${pid}/environ`, 'utf8')}`;
    expect(seen).toMatch(/refresh-process\/main\.js/);
    for (const secret of fleet.secrets) expect(seen).not.toContain(secret);
    const parents = socketsOf(caller?.pid ?? 0);
    expect(parents.length).toBeGreaterThan(0);
    expect(socketsOf(pid).filter((socket) => parents.includes(socket))).toEqual([]);
    expect(linkOf(`/proc/${pid}/fd/1`)).toBe('/dev/null');
    expect(linkOf(`/proc/${pid}/fd/2`)).toBe('/dev/null');
    const session = (of: number) => execFileSync('ps', ['-o', 'sid=', '-p', String(of)], { encoding: 'utf8' }).trim();
    expect(session(pid)).toBe(String(pid));

    await caller?.kill();
    expect(await refresh).toBe('killed');
    await until(async () => (await record()).claim === undefined);
    expect(await record()).toMatchObject({ state: 'signed-in' });
    await until(() => !existsSync(`/proc/${pid}`));
    expect(server.reuses).toBe(0);
  }, 60_000);

  it('killed itself between request and answer: the next refresh goes on, or says that an answer was lost', async () => {
    fleet = await openFleet({ server, place: 'file', refreshTimeoutMs: 10_000 });
    const [caller] = await startCallers(1);
    await caller?.call({ count: 1, gapMs: 0 });
    server.breakTokenEndpoint({ kind: 'late-answer', ms: 5_000 }, { times: 1 });
    const refresh = caller?.refresh();
    await until(() => server.refreshes === 1);
    process.kill(childOf(caller?.pid ?? 0), 'SIGKILL');
    expect(await refresh).toBe('failed');
    expect(await record()).toMatchObject({ state: 'revoked', why: 'lost-answer' });
    expect(fleet.events).toContainEqual(expect.objectContaining({ type: 'credential-revoked', why: 'lost-answer' }));
    expect(await caller?.call({ count: 1, gapMs: 0 })).toEqual({ credential_expired: 1 });
  }, 60_000);
});

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

function socketsOf(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => link.startsWith('socket:'));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
