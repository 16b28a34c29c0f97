import type { AttemptRecord, AttemptSummary, ErrorCode, Usage } from '@moltbot/contracts';
import type { ConnectionFault } from '@moltbot/network';
import type { Model } from '../target.js';
import type { Scope } from './breaker.js';
import type { Payer } from './credential-health.js';
import type { EngineParts } from './engine-parts.js';
import { costMicros } from './price.js';

export interface AttemptLogOptions {
  readonly parts: EngineParts;
  readonly requestId: string;
  /** The request's attempts so far; this one is added. */
  readonly attempts: AttemptSummary[];
  readonly model: Model;
  readonly payer: Payer;
  readonly role: AttemptRecord['role'];
  readonly scope: Scope;
}

/** The record of one call to one target, from its start to its end; it is handed over exactly once. */
export class AttemptLog {
  readonly model: Model;
  readonly payer: Payer;
  readonly role: AttemptRecord['role'];
  /** Unix time in ms. */
  readonly startedAt: number;
  /** On the clock of `elapsed`. */
  readonly startedElapsed: number;
  status: number | undefined;
  connection: ConnectionFault | undefined;
  firstContentMs: number | undefined;
  longestGapMs: number | undefined;
  finishReason: string | undefined;
  readonly #options: AttemptLogOptions;
  readonly #index: number;
  #ended = false;
  #unsentMs: number | undefined;

  constructor(options: AttemptLogOptions) {
    this.#options = options;
    this.model = options.model;
    this.payer = options.payer;
    this.role = options.role;
    this.startedAt = options.parts.clock();
    this.startedElapsed = options.parts.elapsed();
    this.#index = options.attempts.length;
    // Holds the place: attempts are numbered by their start.
    options.attempts.push({ target: options.model.ref, outcome: 'cancelled', durationMs: 0 });
  }

  /** 0, 1, 2 … within the request. */
  get index(): number {
    return this.#index;
  }

  get sinceStartMs(): number {
    return this.#options.parts.elapsed() - this.startedElapsed;
  }

  /** First content is there: the attempt counts as good from here on, whatever its record will say. */
  committed(): void {
    this.firstContentMs = Math.round(this.sinceStartMs);
    this.#summarise('ok', this.firstContentMs);
  }

  end(outcome: string, usage?: Usage): void {
    if (this.#ended) return;
    this.#ended = true;
    const { parts, requestId, scope } = this.#options;
    const durationMs = Math.round(this.#unsentMs ?? this.sinceStartMs);
    this.#summarise(outcome, durationMs);
    parts.observer.attempt?.({
      requestId,
      index: this.#index,
      startedAt: this.startedAt,
      provider: this.model.provider.name,
      model: this.model.name,
      operation: scope,
      credential: this.payer?.id ?? 'none',
      outcome,
      status: this.status,
      ...(this.connection && { connection: sayConnection(this.connection) }),
      durationMs,
      firstContentMs: this.firstContentMs,
      longestGapMs: this.longestGapMs,
      finishReason: this.finishReason,
      usage,
      costMicros: costMicros(usage, this.model.price),
      role: this.role,
    });
  }

  /** Nothing was sent, after a wait of so long. @param code of the error for which nothing could be sent */
  endUnsent(code: ErrorCode, waitedMs: number): void {
    this.#unsentMs = waitedMs;
    this.end(code);
  }

  /** Nothing was sent after all. */
  withdraw(): void {
    this.#ended = true;
    this.#options.attempts.pop();
  }

  #summarise(outcome: string, durationMs: number): void {
    const target = this.model.ref;
    this.#options.attempts[this.#index] =
      this.status === undefined
        ? { target, outcome, durationMs }
        : { target, outcome, status: this.status, durationMs };
  }
}

function sayConnection({ at, kind }: ConnectionFault): string {
  return at === 'proxy' ? `proxy: ${kind}` : kind;
}
