import type { AttemptRecord } from '@moltbot/contracts';

/** What the router tells whoever logs and counts. Calls are synchronous and must not throw. */
export interface RouterObserver {
  /** What the provider of an attempt is told of the trace (`traceparent`); nothing where it is not to be told. */
  traceparent?(call: {
    readonly requestId: string;
    readonly index: number;
    readonly provider: string;
  }): string | undefined;
  attempt?(record: AttemptRecord): void;
  fallback?(event: {
    readonly requestId: string;
    readonly from: string;
    readonly to: string;
    readonly reason: string;
  }): void;
  rescue?(event: {
    readonly requestId: string;
    readonly rung: 'prefill' | 'continue' | 'anew';
    readonly outcome: 'joined' | 'failed';
  }): void;
  breaker?(event: { readonly target: string; readonly state: 'closed' | 'half-open' | 'open' }): void;
  /** A call to a target whose breaker is open (a probe, or the last hope of a chain). */
  deadTargetCall?(event: { readonly target: string }): void;
  credential?(event: {
    readonly credential: string;
    readonly state: 'ok' | 'cooling' | 'out';
    readonly reason?: string;
    readonly untilMs?: number;
  }): void;
  retryBudget?(event: { readonly remaining: number }): void;
}
