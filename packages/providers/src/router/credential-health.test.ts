import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Credential, CredentialVault } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import { createMemoryState, type SharedState } from '@moltbot/state';
import { type FailureKind, ProviderError } from '../failure.js';
import type { Model } from '../target.js';
import { CredentialHealth, type Payer } from './credential-health.js';

const HOUR = 3_600_000;
let now = 1_700_000_000_000;
let state: SharedState;
let secrets: Map<string, Secret | Promise<Secret>>;
const open: CredentialHealth[] = [];
const events: string[] = [];

const vault: CredentialVault = {
  credentialsFor: (provider) =>
    [...secrets.keys()]
      .filter((id) => id.startsWith(provider))
      .map((id): Credential => ({ id, provider, type: 'api_key' })),
  tokenFor: (id) => {
    const secret = secrets.get(id);
    if (secret === undefined) throw new Error('none');
    return secret;
  },
  refreshAfterRejection: async () => false,
};

function create(): CredentialHealth {
  const health = new CredentialHealth({
    state,
    vault,
    clock: () => now,
    holder: `process-${open.length}`,
    observer: { credential: (event) => events.push(`${event.credential} ${event.state} ${event.reason ?? ''}`) },
  });
  open.push(health);
  return health;
}

function model(name: string, { provider = 'p', requiresCredential = true, credential_order = 'ordered' } = {}): Model {
  const settings = { credential_order };
  return { ref: `${provider}:${name}`, name, provider: { name: provider, requiresCredential, settings } } as Model;
}

function ids(health: CredentialHealth, target: Model): unknown {
  const found = health.payersOf(target);
  return found.state === 'ready' ? found.payers.map((payer) => payer?.id) : found;
}

function fail(
  health: CredentialHealth,
  id: string | undefined,
  kind: FailureKind,
  options: { target?: Model; retryAfterMs?: number; status?: number; startedAt?: number } = {},
): void {
  const { target = model('m'), retryAfterMs, status, startedAt = now } = options;
  const payer: Payer = id === undefined ? undefined : { id, provider: 'p', type: 'api_key' };
  const token = id === undefined ? undefined : secrets.get(id);
  now += 1;
  health.failed({
    payer,
    model: target,
    startedAt,
    error: new ProviderError(kind, 'failed', { retryAfterMs, status }),
    token: token instanceof Promise ? undefined : token,
  });
}

const settle = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
};

beforeEach(() => {
  state = createMemoryState({ clock: () => now });
  secrets = new Map([
    ['p', new Secret('one')],
    ['p:two', new Secret('two')],
  ]);
  events.length = 0;
});
afterEach(async () => {
  for (const health of open.splice(0)) health.close();
  await state.close();
});

describe('CredentialHealth', () => {
  it('names the credentials in the order of auth.json', () => {
    expect(ids(create(), model('m'))).toEqual(['p', 'p:two']);
  });

  it('lets a provider that needs none be called without, and says where one is missing', () => {
    secrets.clear();
    expect(ids(create(), model('m', { requiresCredential: false }))).toEqual([undefined]);
    expect(create().payersOf(model('m'))).toEqual({ state: 'missing' });
  });

  it('takes a rejected credential out for every model, and says so', () => {
    const health = create();
    fail(health, 'p', 'credential-rejected', { status: 401 });
    expect(ids(health, model('m'))).toEqual(['p:two']);
    expect(ids(health, model('other'))).toEqual(['p:two']);
    expect(events).toEqual(['p out credential-rejected']);
  });

  it('takes a credential that may not use one model out for that model', () => {
    const health = create();
    fail(health, 'p', 'credential-rejected', { status: 403 });
    expect(ids(health, model('m'))).toEqual(['p:two']);
    expect(ids(health, model('other'))).toEqual(['p', 'p:two']);
  });

  it('takes an empty account out for 5 h, doubling to 24 h', () => {
    const health = create();
    const lengths: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      fail(health, 'p:two', 'quota-exhausted', { status: 402 });
      const since = now;
      while (JSON.stringify(ids(health, model('m'))) === '["p"]') now += HOUR;
      lengths.push((now - since) / HOUR);
    }
    expect(lengths).toEqual([5, 10, 20, 24]);
  });

  it('counts many refusals at the same time as one', () => {
    const health = create();
    const startedAt = now;
    for (let index = 0; index < 50; index += 1) fail(health, 'p', 'quota-exhausted', { startedAt });
    now += 5 * HOUR;
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
  });

  it('begins with 5 h again after the account paid for a call', () => {
    const health = create();
    const payer: Payer = { id: 'p', provider: 'p', type: 'api_key' };
    fail(health, 'p', 'quota-exhausted');
    now += 5 * HOUR;
    health.succeeded({ payer, model: model('m'), startedAt: now });
    fail(health, 'p', 'quota-exhausted');
    now += 5 * HOUR;
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
  });

  it('is not healed by a call that began before the credential fell ill', () => {
    const health = create();
    const startedAt = now;
    fail(health, 'p', 'credential-rejected');
    health.succeeded({ payer: { id: 'p', provider: 'p', type: 'api_key' }, model: model('m'), startedAt });
    expect(ids(health, model('m'))).toEqual(['p:two']);
  });

  it('cools a credential for one model until Retry-After', () => {
    const health = create();
    fail(health, 'p', 'rate-limited', { retryAfterMs: 3_000 });
    expect(ids(health, model('m'))).toEqual(['p:two']);
    expect(ids(health, model('other'))).toEqual(['p', 'p:two']);
    now += 3_000;
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
  });

  it('says until when where every credential cools', () => {
    const health = create();
    fail(health, 'p', 'rate-limited', { retryAfterMs: 3_000 });
    fail(health, 'p:two', 'rate-limited', { retryAfterMs: 1_000 });
    expect(health.payersOf(model('m'))).toMatchObject({
      state: 'sick',
      payer: { id: 'p:two' },
      sickness: { reason: 'rate-limited', untilMs: now + 1_000 },
    });
  });

  it('cools calls that nobody pays for too', () => {
    secrets.clear();
    const health = create();
    const target = model('m', { requiresCredential: false });
    fail(health, undefined, 'rate-limited', { target, retryAfterMs: 1_000 });
    expect(health.payersOf(target)).toMatchObject({ state: 'sick' });
    expect(events).toEqual(['none cooling rate-limited']);
  });

  it('waits a second, then longer, where a limit comes without a hint', () => {
    const health = create();
    fail(health, 'p', 'rate-limited');
    now += 1_000;
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
    fail(health, 'p', 'rate-limited');
    now += 1_000;
    expect(ids(health, model('m'))).toEqual(['p:two']);
    now += 1_000;
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
  });

  it('is healthy again as soon as the secret is another', () => {
    const health = create();
    fail(health, 'p', 'credential-rejected');
    expect(ids(health, model('m'))).toEqual(['p:two']);
    secrets.set('p', new Secret('one, replaced'));
    expect(ids(health, model('m'))).toEqual(['p', 'p:two']);
    expect(events.at(-1)).toBe('p ok ');
  });

  it('does not wait for a token that has to be fetched', async () => {
    const health = create();
    fail(health, 'p', 'credential-rejected');
    secrets.set('p', Promise.reject(new Error('the sign-in service is down')));
    expect(ids(health, model('m'))).toEqual(['p:two']);
    await settle();
  });

  it('forgets everything about a credential when it is reset, in every process', async () => {
    const [first, second] = [create(), create()];
    const target = model('m');
    for (const health of [first, second]) health.payersOf(target);
    await settle();
    fail(first, 'p', 'quota-exhausted');
    fail(first, 'p', 'rate-limited', { retryAfterMs: 60_000 });
    await settle();
    expect(ids(second, target)).toEqual(['p:two']);
    expect(await second.reset('p')).toEqual({ cleared: 2, shared: true });
    await settle();
    expect(ids(first, target)).toEqual(['p', 'p:two']);
    expect(ids(second, target)).toEqual(['p', 'p:two']);
  });

  it('tells a new process what the others know', async () => {
    const first = create();
    fail(first, 'p', 'credential-rejected');
    await settle();
    const second = create();
    second.payersOf(model('m'));
    await settle();
    expect(ids(second, model('m'))).toEqual(['p:two']);
  });

  it('lets a rejected credential be tried again where nothing else is left, once in a while over all processes', async () => {
    const [first, second] = [create(), create()];
    secrets.delete('p:two');
    for (const health of [first, second]) health.payersOf(model('m'));
    fail(first, 'p', 'credential-rejected', { status: 401 });
    await settle();
    const mayTry = async (health: CredentialHealth): Promise<boolean> => {
      const found = health.payersOf(model('m'));
      if (found.state !== 'sick') throw new Error('not sick');
      return await health.mayTry(found, 5_000);
    };
    now += 4_999;
    expect(await mayTry(first)).toBe(false);
    now += 1;
    expect(await Promise.all([first, second, first].map(mayTry))).toEqual([true, false, false]);
    fail(first, 'p', 'credential-rejected', { status: 401 });
    expect(events.filter((event) => event.startsWith('p out'))).toHaveLength(1);
  });

  it('lets no empty account be tried before its time', async () => {
    const health = create();
    secrets.delete('p:two');
    fail(health, 'p', 'quota-exhausted');
    now += 2 * HOUR;
    const found = health.payersOf(model('m'));
    expect(found.state === 'sick' && (await health.mayTry(found, 5_000))).toBe(false);
  });

  it('holds a rejection against nobody where nobody pays', () => {
    secrets.clear();
    const health = create();
    const target = model('m', { requiresCredential: false });
    fail(health, undefined, 'credential-rejected', { target, status: 401 });
    expect(ids(health, target)).toEqual([undefined]);
  });

  it('holds no secret in what it shares', async () => {
    secrets.set('p', new Secret('sk-very-secret'));
    const seen: string[] = [];
    state.watch('credential:', (_key, record) => seen.push(record?.value ?? ''));
    fail(create(), 'p', 'credential-rejected');
    await settle();
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toContain('very-secret');
  });
});

describe('what is held against a credential at single models', () => {
  it('is bounded, as callers choose the names, and pushes out nothing that is held against the whole', () => {
    const health = create();
    fail(health, 'p:two', 'credential-rejected', { status: 401 });
    for (let index = 0; index < 10_001; index += 1) {
      fail(health, 'p', 'rate-limited', { target: model(`m${index}`), retryAfterMs: HOUR });
    }
    expect(ids(health, model('m0'))).toEqual(['p']);
    expect(ids(health, model('m10000'))).toMatchObject({ state: 'sick' });
  });

  it('is not pushed out by what is over', () => {
    const health = create();
    for (let index = 0; index < 10_000; index += 1) {
      fail(health, 'p', 'rate-limited', { target: model(`m${index}`), retryAfterMs: index === 0 ? HOUR : 1 });
    }
    now += 10;
    fail(health, 'p', 'rate-limited', { target: model('last'), retryAfterMs: HOUR });
    expect(ids(health, model('m0'))).toEqual(['p:two']);
  });

  it('says that a credential is well again also where another process found it so, or was told to forget', async () => {
    const [one, two] = [create(), create()];
    ids(one, model('m'));
    ids(two, model('m'));
    await settle();
    fail(one, 'p', 'credential-rejected');
    await settle();
    events.length = 0;
    now += 1;
    two.succeeded({ payer: { id: 'p', provider: 'p', type: 'api_key' }, model: model('m'), startedAt: now });
    await settle();
    expect(events).toEqual(['p ok ', 'p ok elsewhere']);

    now += 1;
    fail(one, 'p', 'credential-rejected');
    await settle();
    events.length = 0;
    await two.reset('p');
    await settle();
    expect(events).toEqual(['p ok reset', 'p ok elsewhere']);
  });
});
