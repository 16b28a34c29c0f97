import { FAILURE_KINDS, type FailureKind } from '../failure.js';

/** The state of one target's breaker. It is half-open once `openForMs` have passed since `since`. */
export type Circuit =
  | { readonly state: 'closed' }
  | {
      readonly state: 'open';
      /** Unix time in ms. */
      readonly since: number;
      readonly openForMs: number;
      /** What opened it. */
      readonly reason: FailureKind;
    };

const KINDS: ReadonlySet<unknown> = new Set(FAILURE_KINDS);

/** A circuit as another process wrote it; `undefined` where it is none. */
export function parseCircuit(value: unknown): Circuit | undefined {
  if (typeof value !== 'object' || value === null || !('state' in value)) return undefined;
  if (value.state === 'closed') return { state: 'closed' };
  if (value.state !== 'open' || !('since' in value) || !('openForMs' in value) || !('reason' in value))
    return undefined;
  const { since, openForMs, reason } = value;
  if (typeof since !== 'number' || typeof openForMs !== 'number' || !isFailureKind(reason)) return undefined;
  return { state: 'open', since, openForMs, reason };
}

export function isFailureKind(value: unknown): value is FailureKind {
  return KINDS.has(value);
}
