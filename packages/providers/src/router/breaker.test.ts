import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createMemoryState, type SharedState } from '@moltbot/state';
import type { Model } from '../target.js';
import { Breaker, type Ticket } from './breaker.js';

const SETTINGS = { failures: 3, window: 30_000, open_for: 5_000, max_open_for: 20_000 };

let now = 1_700_000_000_000;
let state: SharedState;
const open: Breaker[] = [];
const events: string[] = [];

function create(options: { random?: number; holder?: string; settings?: Partial<typeof SETTINGS> } = {}): Breaker {
  const { random = 0, holder = `process-${open.length}` } = options;
  const breaker = new Breaker({
    state,
    settings: () => ({ ...SETTINGS, ...options.settings }),
    clock: () => now,
    random: () => random,
    holder,
    observer: {
      breaker: (event) => events.push(`${holder} ${event.target} ${event.state}`),
      deadTargetCall: (event) => events.push(`${holder} ${event.target} called`),
    },
  });
  open.push(breaker);
  return breaker;
}

/** A model that the breaker has met: asking is synchronous from then on. */
async function met(breaker: Breaker | readonly Breaker[], target: Model = model()): Promise<Model> {
  for (const each of Array.isArray(breaker) ? (breaker as readonly Breaker[]) : [breaker as Breaker]) {
    await each.admitDead(target, false);
  }
  return target;
}

function model(ref = 'first:m'): Model {
  return { ref, provider: { baseUrl: 'http://127.0.0.1:1/v1' } } as Model;
}

function admitted(breaker: Breaker, target: Model): Ticket {
  const ticket = breaker.admit(target);
  if (ticket === undefined) throw new Error('not admitted');
  return ticket;
}

function fail(breaker: Breaker, target: Model, times = 1): void {
  for (let index = 0; index < times; index += 1) breaker.failed(admitted(breaker, target), 'server-error');
}

/** Lets the shared state's promises and watchers run. */
const settle = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
};

beforeEach(() => {
  state = createMemoryState({ clock: () => now });
  events.length = 0;
});
afterEach(async () => {
  for (const breaker of open.splice(0)) breaker.close();
  await state.close();
});

describe('Breaker while closed', () => {
  it('opens after so many failures in a row, and names what opened it', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 2);
    expect(breaker.deadness(target)).toBeUndefined();
    fail(breaker, target);
    expect(breaker.admit(target)).toBeUndefined();
    expect(breaker.deadness(target)).toEqual({ reason: 'server-error', untilMs: now + 5_000 });
    expect(events).toEqual(['process-0 first:m open']);
  });

  it('begins the row again after a success', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 2);
    breaker.succeeded(admitted(breaker, target));
    fail(breaker, target, 2);
    expect(breaker.admit(target)).toBeDefined();
  });

  it('does not count failures that are older than the window', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 2);
    now += 30_000;
    fail(breaker, target, 2);
    expect(breaker.admit(target)).toBeDefined();
  });

  it('counts a late first content half', async () => {
    const breaker = create();
    const target = await met(breaker);
    for (let index = 0; index < 5; index += 1) breaker.failed(admitted(breaker, target), 'first-content-late');
    expect(breaker.admit(target)).toBeDefined();
    breaker.failed(admitted(breaker, target), 'first-content-late');
    expect(breaker.admit(target)).toBeUndefined();
  });

  it('opens at once for a model that is not there, and for that model only', async () => {
    const breaker = create();
    breaker.failed(admitted(breaker, await met(breaker, model('first:gone'))), 'model-not-found');
    expect(breaker.admit(model('first:gone'))).toBeUndefined();
    expect(await breaker.admitDead(model('first:other'), false)).toBeDefined();
  });

  it('does not count the caller’s faults, credentials, limits and cancelled calls', async () => {
    const breaker = create();
    const target = await met(breaker);
    for (const kind of [
      'invalid-request',
      'context-too-long',
      'content-filtered',
      'credential-rejected',
      'quota-exhausted',
      'rate-limited',
      'cancelled',
      'unfit',
    ] as const) {
      for (let index = 0; index < 5; index += 1) breaker.failed(admitted(breaker, target), kind);
    }
    expect(breaker.admit(target)).toBeDefined();
  });

  it('is healthy again where the address of the provider is another', async () => {
    const breaker = create();
    fail(breaker, await met(breaker), 3);
    const moved = { ref: 'first:m', provider: { baseUrl: 'http://127.0.0.1:2/v1' } } as Model;
    expect(await breaker.admitDead(moved, false)).toBeDefined();
  });

  it('hands the same leave to all requests', async () => {
    const breaker = create();
    const target = await met(breaker);
    expect(breaker.admit(target)).toBe(breaker.admit(target));
  });
});

describe('Breaker while open', () => {
  it('lets one of fifty through when its time has come', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    expect(await breaker.admitDead(target, false)).toBeUndefined();
    now += 5_000;
    const tickets = await Promise.all(Array.from({ length: 50 }, async () => breaker.admitDead(target, false)));
    expect(tickets.filter((ticket) => ticket !== undefined)).toHaveLength(1);
    expect(events).toEqual(['process-0 first:m open', 'process-0 first:m called', 'process-0 first:m half-open']);
  });

  it('lets one through over all processes', async () => {
    const opener = create();
    const breakers = [opener, ...Array.from({ length: 9 }, () => create())];
    const target = await met(breakers);
    fail(opener, target, 3);
    await settle();
    for (const breaker of breakers) expect(breaker.admit(target)).toBeUndefined();
    now += 5_000;
    const tickets = await Promise.all(
      breakers.flatMap((breaker) => Array.from({ length: 5 }, async () => breaker.admitDead(target, false))),
    );
    expect(tickets.filter((ticket) => ticket !== undefined)).toHaveLength(1);
  });

  it('closes everywhere when the probe succeeds', async () => {
    const [first, second] = [create(), create()];
    const target = await met([first, second]);
    fail(first, target, 3);
    await settle();
    now += 5_000;
    const ticket = await first.admitDead(target, false);
    if (ticket === undefined) throw new Error('no probe');
    first.succeeded(ticket);
    expect(first.admit(target)).toBeDefined();
    await settle();
    expect(second.admit(target)).toBeDefined();
  });

  it('doubles the wait with each failed probe up to its longest', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    const waits: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      let waited = 0;
      let ticket: Ticket | undefined;
      for (; ticket === undefined; waited += 1_000, now += 1_000) ticket = await breaker.admitDead(target, false);
      now -= 1_000;
      waits.push(waited - 1_000);
      breaker.failed(ticket, 'overloaded');
      await settle();
    }
    expect(waits).toEqual([5_000, 10_000, 20_000, 20_000, 20_000]);
  });

  it('asks each process a little later than the other, and never earlier than open_for', async () => {
    const [early, late] = [create({ random: 0 }), create({ random: 0.9 })];
    const target = await met([early, late]);
    fail(early, target, 3);
    await settle();
    now += 5_000;
    expect(await late.admitDead(target, false)).toBeUndefined();
    now += 450;
    expect(await late.admitDead(target, false)).toBeDefined();
  });

  it('calls the last hope once in open_for, also while the wait for probes has grown', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    expect(await breaker.admitDead(target, true)).toBeUndefined();
    now += 5_000;
    const first = await breaker.admitDead(target, true);
    if (first === undefined) throw new Error('no call');
    breaker.failed(first, 'server-error');
    await settle();
    now += 4_999;
    expect(await breaker.admitDead(target, true)).toBeUndefined();
    now += 1;
    expect(await breaker.admitDead(target, false)).toBeUndefined();
    expect(await breaker.admitDead(target, true)).toBeDefined();
  });

  it('closes where the provider answers the probe, if only to refuse it', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    now += 5_000;
    const ticket = await breaker.admitDead(target, false);
    if (ticket === undefined) throw new Error('no probe');
    breaker.failed(ticket, 'credential-rejected');
    expect(breaker.admit(target)).toBeDefined();
  });

  it('lets another probe through, in its time, where the caller of the first one left', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    now += 5_000;
    const ticket = await breaker.admitDead(target, false);
    if (ticket === undefined) throw new Error('no probe');
    breaker.failed(ticket, 'cancelled');
    await settle();
    expect(breaker.admit(target)).toBeUndefined();
    expect(await breaker.admitDead(target, false)).toBeUndefined();
    now += 5_000;
    expect(await breaker.admitDead(target, false)).toBeDefined();
  });

  it('keeps its one probe for as long as the answer takes, and replaces that of a process that was killed', async () => {
    const [breaker, other] = [create(), create()];
    const target = await met([breaker, other]);
    fail(breaker, target, 3);
    await settle();
    now += 5_000;
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask'] });
    try {
      const ticket = await breaker.admitDead(target, false);
      if (ticket === undefined) throw new Error('no probe');
      for (let seconds = 0; seconds < 300; seconds += 6) {
        now += 6_000;
        jest.advanceTimersByTime(6_000);
        await settle();
        expect(await other.admitDead(target, true)).toBeUndefined();
        expect(await breaker.admitDead(target, true)).toBeUndefined();
      }
      breaker.close();
      now += 14_000;
      jest.advanceTimersByTime(14_000);
      expect(await other.admitDead(target, true)).toBeUndefined();
      now += 6_001;
      expect(await other.admitDead(target, true)).toBeDefined();
    } finally {
      jest.useRealTimers();
    }
  });

  it('probes on its own where the shared state does not answer', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    await state.close();
    now += 5_000;
    expect(await breaker.admitDead(target, false)).toBeDefined();
    expect(await breaker.admitDead(target, false)).toBeUndefined();
  });
});

describe('Breaker and what comes late', () => {
  it('is not reopened by a failure of a call from before it closed', async () => {
    const breaker = create();
    const target = await met(breaker);
    const old = admitted(breaker, target);
    fail(breaker, target, 3);
    now += 5_000;
    const probe = await breaker.admitDead(target, false);
    if (probe === undefined) throw new Error('no probe');
    breaker.succeeded(probe);
    for (let index = 0; index < 10; index += 1) breaker.failed(old, 'server-error');
    expect(breaker.admit(target)).toBeDefined();
  });

  it('is not closed by a success of a call from before it opened, nor by one of another target', async () => {
    const breaker = create();
    const target = await met(breaker);
    const old = admitted(breaker, target);
    fail(breaker, target, 3);
    breaker.succeeded(old);
    breaker.succeeded(admitted(breaker, await met(breaker, model('second:m'))));
    expect(breaker.admit(target)).toBeUndefined();
  });

  it('does not hear a probe twice', async () => {
    const breaker = create();
    const target = await met(breaker);
    fail(breaker, target, 3);
    now += 5_000;
    const probe = await breaker.admitDead(target, false);
    if (probe === undefined) throw new Error('no probe');
    breaker.succeeded(probe);
    breaker.failed(probe, 'server-error');
    expect(breaker.admit(target)).toBeDefined();
  });

  it('tells a new process what the others know', async () => {
    const first = create();
    const target = await met(first);
    fail(first, target, 3);
    await settle();
    const second = create();
    expect(await second.admitDead(target, false)).toBeUndefined();
    expect(second.deadness(target)).toMatchObject({ reason: 'server-error' });
  });

  it('forgets healthy targets first where callers name too many', async () => {
    const breaker = create();
    const dead = await met(breaker, model('first:dead'));
    fail(breaker, dead, 3);
    for (let index = 0; index < 5_000; index += 1) breaker.admit(model(`first:${index}`));
    expect(breaker.deadness(model('first:dead'))).toMatchObject({ reason: 'server-error' });
  });

  it('does not wait long for a shared state that is slow', async () => {
    const slow: SharedState = {
      ...state,
      watch: () => () => undefined,
      read: async () => new Promise(() => undefined),
    };
    const breaker = new Breaker({
      state: slow,
      settings: () => SETTINGS,
      clock: () => now,
      random: () => 0,
      holder: 'slow',
      observer: {},
    });
    open.push(breaker);
    expect(await breaker.admitDead(model(), false)).toBeDefined();
  });
});
