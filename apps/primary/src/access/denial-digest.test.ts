import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuditRecord } from '@moltbot/contracts';
import { DenialDigest, type DenialDigestLimits } from './denial-digest.js';

let rows: AuditRecord[];
beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
  rows = [];
});
afterEach(() => {
  jest.useRealTimers();
});

const digestOf = (limits: Partial<DenialDigestLimits> = {}) =>
  new DenialDigest({ record: (row) => rows.push(row), clock: Date.now, elapsed: Date.now, limits });

const denial = (changes: Partial<AuditRecord> = {}): AuditRecord => ({
  at: Date.now(),
  actor: 'unknown',
  source: '10.0.0.7',
  action: 'request',
  target: '/v1/models',
  outcome: 'denied',
  errorCode: 'invalid_api_key',
  requestId: 'req_1',
  ...changes,
});
const counted = () => rows.reduce((sum, { count = 1 }) => sum + count, 0);

describe('refused requests', () => {
  it('are rows of their own as long as they are few', () => {
    const digest = digestOf();
    for (let count = 0; count < 5; count += 1) digest.add(denial({ requestId: `req_${count}` }));
    jest.advanceTimersByTime(5_000);
    expect(rows.map(({ requestId }) => requestId)).toEqual(['req_0', 'req_1', 'req_2', 'req_3', 'req_4']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('of one caller are summed up beyond that, by reason, at the end of the second', () => {
    const digest = digestOf();
    for (let count = 0; count < 1_000; count += 1) digest.add(denial());
    for (let count = 0; count < 7; count += 1) digest.add(denial({ errorCode: 'permission_denied', actor: 'key_1' }));
    expect(rows).toHaveLength(10);
    jest.advanceTimersByTime(1_000);
    expect(rows.slice(10)).toMatchObject([
      { source: '10.0.0.7', errorCode: 'invalid_api_key', count: 995, requestId: undefined, detail: { summary: true } },
      { actor: 'key_1', errorCode: 'permission_denied', count: 2 },
    ]);
    digest.add(denial());
    expect(rows).toHaveLength(13);
  });

  it('of a lasting flood from anywhere make few rows, and each of them counts', () => {
    const digest = digestOf();
    let sent = 0;
    for (let second = 0; second < 600; second += 1) {
      for (let at = 0; at < 300; at += 1) {
        digest.add(denial({ source: `10.${second & 255}.${at >> 8}.${at & 255}` }));
        sent += 1;
      }
      jest.advanceTimersByTime(1_000);
    }
    digest.close();
    // The burst, one a second, and one per ten seconds.
    expect(rows.length).toBeLessThan(200 + 600 + 60 + 5);
    expect(counted()).toBe(sent);
  });

  it('tell apart a bounded number of callers', () => {
    const digest = digestOf({ callers: 10, burst: 1_000 });
    for (let at = 0; at < 5_000; at += 1) digest.add(denial({ source: `2001:db8::${at.toString(16)}` }));
    expect(rows).toHaveLength(10);
    jest.advanceTimersByTime(10_000);
    expect(rows.slice(10)).toMatchObject([{ actor: 'unknown', source: undefined, target: undefined, count: 4_990 }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('that are held when the process ends are written down', () => {
    const digest = digestOf({ callers: 1 });
    for (let count = 0; count < 20; count += 1) digest.add(denial({ source: `${count % 2}` }));
    digest.close();
    expect(counted()).toBe(20);
    expect(jest.getTimerCount()).toBe(0);
  });
});
