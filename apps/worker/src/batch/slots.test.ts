import { describe, expect, it } from '@jest/globals';
import { createSlots } from './slots.js';

const never = new AbortController().signal;

describe('slots', () => {
  it('lets so many begin, the others in their order as slots become free, each slot given back once', async () => {
    const slots = createSlots(() => 2);
    const order: number[] = [];
    const first = await slots.acquire(never);
    const second = await slots.acquire(never);
    const waiting = [3, 4, 5].map(async (number) => {
      const release = await slots.acquire(never);
      order.push(number);
      return release;
    });
    first();
    first();
    await waiting[0];
    await Promise.resolve();
    expect(order).toEqual([3]);
    second();
    (await waiting[0])?.();
    await Promise.all(waiting);
    expect(order).toEqual([3, 4, 5]);
  });

  it('lets one that waits give up, and does not lose its slot', async () => {
    const slots = createSlots(() => 1);
    const release = await slots.acquire(never);
    const stop = new AbortController();
    const given = slots.acquire(stop.signal);
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await expect(slots.acquire(stop.signal)).rejects.toThrow('enough');
    release();
    expect(await slots.acquire(never)).toBeInstanceOf(Function);
  });

  it('follows a limit that is raised when the next slot is given back', async () => {
    let limit = 1;
    const slots = createSlots(() => limit);
    const release = await slots.acquire(never);
    const waiting = Promise.all([slots.acquire(never), slots.acquire(never)]);
    limit = 2;
    release();
    expect(await waiting).toHaveLength(2);
  });
});
