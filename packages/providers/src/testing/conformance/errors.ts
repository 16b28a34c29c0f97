import { expect, it } from '@jest/globals';
import type { FailureKind, ProviderError } from '../../failure.js';
import type { ChatWire } from '../../wire.js';
import type { StatusBehaviour } from '../../scripted/behaviour.js';
import { ask, type Exchanges, turnOf } from './exchange.js';

/** What a status with the dialect's own, plain error body means. */
const STATUS_KINDS: readonly (readonly [status: number, kind: FailureKind])[] = [
  [400, 'invalid-request'],
  [401, 'credential-rejected'],
  [402, 'quota-exhausted'],
  [403, 'credential-rejected'],
  [404, 'model-not-found'],
  [408, 'response-timeout'],
  [409, 'server-error'],
  [422, 'invalid-request'],
  [425, 'server-error'],
  [429, 'rate-limited'],
  [500, 'server-error'],
  [502, 'server-error'],
  [503, 'overloaded'],
  [504, 'overloaded'],
  [529, 'overloaded'],
  [418, 'server-error'],
];

const CALLER_FAULTS: ReadonlySet<FailureKind> = new Set(['invalid-request', 'context-too-long', 'content-filtered']);
const SECRETIVE = 'Upstream words that nobody else may read: sk-12345';

/** What a wire makes of responses that are no 2xx. */
export function describeErrors(wire: ChatWire, { exchange }: Exchanges): void {
  const failed = async (behaviour: Omit<StatusBehaviour, 'type'>): Promise<ProviderError> => {
    const { body, response } = await exchange({ type: 'status', ...behaviour }, turnOf(ask('Hello')));
    const headers = Object.fromEntries(response.headers);
    return wire.fromError({ status: response.status, headers, body, now: Date.now() });
  };

  it.each(STATUS_KINDS)('reads status %i as %s and keeps the words to itself', async (status, kind) => {
    const error = await failed({ status, error: { message: SECRETIVE } });
    expect([error.kind, error.status]).toEqual([kind, status]);
    expect(error.message).not.toContain(SECRETIVE);
    expect(error.callerMessage).toBe(CALLER_FAULTS.has(kind) ? SECRETIVE : undefined);
  });

  it.each([
    ['empty', ''],
    ['HTML', '<html><body>Bad gateway</body></html>'],
    ['half a JSON', '{"error":{"message":"x'],
    ['a list', '[1]'],
    ['null', 'null'],
    ['of wrong types', '{"error":{"message":{},"type":7,"code":[],"status":{},"details":"x"}}'],
    ['a text as error', '{"error":"no"}'],
  ])('goes by the status where the body is %s', async (_, body) => {
    for (const [status, kind] of STATUS_KINDS) {
      const error = wire.fromError({ status, headers: {}, body: Buffer.from(body), now: 0 });
      expect([status, error.kind]).toEqual([status, kind]);
    }
    const overTheWire = await failed({ status: 502, body, headers: { 'content-type': 'text/html' } });
    expect(overTheWire.kind).toBe('server-error');
  });

  it('reads how long it is asked to wait', async () => {
    const after = async (headers: Record<string, string>) => (await failed({ status: 429, headers })).retryAfterMs;
    expect(await after({ 'retry-after': '2' })).toBe(2_000);
    expect(await after({ 'retry-after-ms': '1500', 'retry-after': '9' })).toBe(1_500);
    expect(await after({ 'x-ms-retry-after-ms': '700' })).toBe(700);
    const ahead = await after({ 'retry-after': new Date(Date.now() + 30_000).toUTCString() });
    expect(ahead).toBeGreaterThan(27_000);
    expect(ahead).toBeLessThanOrEqual(30_000);
    expect(await after({ 'retry-after': 'soon' })).toBeUndefined();
    expect(await after({})).toBeUndefined();
  });

  it('bounds what it keeps of a huge error', async () => {
    const error = await failed({ status: 400, error: { message: 'x'.repeat(500_000), type: 'y'.repeat(500_000) } });
    expect(error.callerMessage?.length ?? 0).toBeLessThanOrEqual(2_000);
    expect(error.providerCode?.length ?? 0).toBeLessThanOrEqual(100);
    expect(error.message.length).toBeLessThan(300);
  });
}
