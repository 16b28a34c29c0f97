import { describe, expect, it } from '@jest/globals';
import { ProviderClocks } from './provider-clocks.js';

function scene() {
  const state = { now: Date.UTC(2026, 10, 22, 12), elapsed: 0 };
  const clocks = new ProviderClocks({ clock: () => state.now, elapsed: () => state.elapsed });
  const answer = (offsetMs: number, provider = 'openai') => {
    const date = new Date(Math.floor((state.now + offsetMs) / 1_000) * 1_000).toUTCString();
    clocks.note(provider, state.elapsed - 20, { headers: { date } });
  };
  const pass = (ms: number) => {
    state.now += ms;
    state.elapsed += ms;
  };
  return { clocks, answer, pass };
}

describe('providers’ clocks', () => {
  it('are told from the answers that come anyway: the more there are, the less doubt', () => {
    const { clocks, answer, pass } = scene();
    answer(7_400);
    const [first] = clocks.list();
    expect(first?.provider).toBe('openai');
    expect(Math.abs((first?.offsetMs ?? 0) - 7_400)).toBeLessThanOrEqual(first?.uncertaintyMs ?? 0);
    for (let index = 0; index < 10; index += 1) {
      pass(5_130);
      answer(7_400);
    }
    const [later] = clocks.list();
    expect(later?.uncertaintyMs).toBeLessThan(250);
    expect(Math.abs((later?.offsetMs ?? 0) - 7_400)).toBeLessThanOrEqual(later?.uncertaintyMs ?? 0);
  });

  it('are looked at once in a while, however many answers come, and forgotten after a while', () => {
    const { clocks, answer, pass } = scene();
    for (let index = 0; index < 100; index += 1) {
      answer(0);
      pass(10);
    }
    expect(clocks.list()).toMatchObject([{ samples: 1 }]);
    pass(600_001);
    expect(clocks.list()).toEqual([]);
  });

  it('are not taken from what is no time', () => {
    const { clocks } = scene();
    clocks.note('a', 0, { headers: {} });
    clocks.note('b', 0, { headers: { date: 'yesterday' } });
    clocks.note('c', 0, { headers: { date: ['x', 'y'] } });
    expect(clocks.list()).toEqual([]);
  });
});
