import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KeepAlive, type KeptAlive } from './keep-alive.js';

describe('signs of life', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function stream(): KeptAlive & { signs: number[] } {
    const signs: number[] = [];
    return { lastWrite: performance.now(), signs, writeKeepAlive: () => signs.push(performance.now()) };
  }

  it('come at least every 15 seconds while a stream is silent, and end with it', () => {
    const keepAlive = new KeepAlive();
    jest.advanceTimersByTime(3_210);
    const kept = stream();
    const startedAt = kept.lastWrite;
    keepAlive.add(kept);
    jest.advanceTimersByTime(60_000);
    const times = [startedAt, ...kept.signs];
    expect(kept.signs.length).toBeGreaterThanOrEqual(4);
    for (const [index, time] of kept.signs.entries()) expect(time - (times[index] ?? 0)).toBeLessThanOrEqual(15_000);
    keepAlive.delete(kept);
    const count = kept.signs.length;
    jest.advanceTimersByTime(60_000);
    expect(kept.signs).toHaveLength(count);
    keepAlive.close();
  });

  it('don’t come while the stream speaks', () => {
    const keepAlive = new KeepAlive({ lookEveryMs: 10, silentForMs: 50 });
    const kept = stream();
    keepAlive.add(kept);
    for (let step = 0; step < 20; step += 1) {
      jest.advanceTimersByTime(40);
      kept.lastWrite = performance.now();
    }
    expect(kept.signs).toEqual([]);
    jest.advanceTimersByTime(60);
    expect(kept.signs).toHaveLength(1);
    keepAlive.close();
    jest.advanceTimersByTime(1_000);
    expect(kept.signs).toHaveLength(1);
  });
});
