import type { CountedUsage } from '../count-attempt.js';
import { parseTraceparent } from '../trace-context.js';
import { GEN_AI, providerName } from './gen-ai-attributes.js';
import type { Attributes, OpenSpan, SpanEvent } from './span.js';
import { parentOf, type Tracing, traceparentOf } from './tracing.js';

/** One call to a model service that has ended. */
export interface TracedAttempt {
  readonly requestId: string;
  /** 0, 1, 2 … within the request. */
  readonly index: number;
  /** Unix time in ms. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly provider: string;
  readonly model: string;
  readonly operation?: string | undefined;
  readonly credential: string;
  /** `ok`, or why not. */
  readonly outcome: string;
  readonly status?: number | undefined;
  readonly connection?: string | undefined;
  readonly firstContentMs?: number | undefined;
  readonly finishReason?: string | undefined;
  readonly usage?: CountedUsage | undefined;
  readonly role: string;
}

/** One request that has ended. */
export interface TracedRequest {
  readonly requestId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly operation: string;
  readonly dialect: string;
  readonly chain: string;
  readonly stream: boolean;
  readonly outcome: string;
  readonly errorCode?: string | undefined;
  readonly servedBy?: string | undefined;
  readonly attempts: number;
  readonly usage?: CountedUsage | undefined;
}

/** What hears of a router's events. */
export interface TraceableObserver {
  attempt?(record: TracedAttempt): void;
  fallback?(event: TracedFallback): void;
  rescue?(event: TracedRescue): void;
}

interface TracedFallback {
  readonly requestId: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

interface TracedRescue {
  readonly requestId: string;
  readonly rung: string;
  readonly outcome: string;
}

interface Entry {
  readonly span: OpenSpan;
  /** The span within which the request is made, where requests come from a job. */
  readonly within: OpenSpan | undefined;
  readonly attempts: TracedAttempt[];
  readonly events: SpanEvent[];
  hasEnded: boolean;
}

/** Requests under way that are kept in mind at most: each ends, but a fault must not become a leak. */
const MAX_OPEN = 20_000;

export interface RequestTracesOptions {
  readonly tracing: Tracing;
  /** Names of providers that are sent `traceparent`. */
  readonly propagateTo: () => readonly string[];
  /** The job that runs now, where requests come from jobs. */
  readonly job?: (() => OpenSpan | undefined) | undefined;
  /** Unix time in ms. */
  readonly now?: (() => number) | undefined;
}

/** Spans of requests and of their attempts, made of the records that metrics and ledger are made of too. */
export class RequestTraces {
  readonly #options: RequestTracesOptions;
  readonly #now: () => number;
  readonly #open = new Map<string, Entry>();

  constructor(options: RequestTracesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** A request with its caller's `traceparent`. */
  began(requestId: string, traceparent: string | readonly string[] | undefined): void {
    const { tracing } = this.#options;
    this.#keep(requestId, tracing.start(parentOf(parseTraceparent(traceparent))), undefined);
  }

  /** The observer, which also tells of spans from here on, and answers what providers are told of the trace. */
  observe<Observer extends TraceableObserver>(observer: Observer): Observer {
    return {
      ...observer,
      traceparent: (call: Parameters<RequestTraces['traceparent']>[0]) => this.traceparent(call),
      attempt: (record: TracedAttempt) => {
        this.attempt(record);
        observer.attempt?.(record);
      },
      fallback: (event: TracedFallback) => {
        this.fallback(event);
        observer.fallback?.(event);
      },
      rescue: (event: TracedRescue) => {
        this.rescue(event);
        observer.rescue?.(event);
      },
    };
  }

  attempt(record: TracedAttempt): void {
    this.#entryOf(record.requestId)?.attempts.push(record);
  }

  fallback(event: TracedFallback): void {
    const attributes = { 'moltbot.from': event.from, 'moltbot.to': event.to, 'moltbot.reason': event.reason };
    this.#note(event.requestId, 'fallback', attributes);
  }

  rescue(event: TracedRescue): void {
    this.#note(event.requestId, 'rescue', { 'moltbot.rung': event.rung, 'moltbot.outcome': event.outcome });
  }

  /** What a provider is told of the trace: nothing, unless it is one of those that are to be told. */
  traceparent(call: {
    readonly requestId: string;
    readonly index: number;
    readonly provider: string;
  }): string | undefined {
    if (!this.#options.propagateTo().includes(call.provider)) return undefined;
    const entry = this.#entryOf(call.requestId);
    return entry === undefined ? undefined : traceparentOf(attemptSpan(entry.span, call.index, entry.span.spanId));
  }

  ended(record: TracedRequest): void {
    const entry = this.#open.get(record.requestId);
    if (entry === undefined || entry.hasEnded) return;
    entry.hasEnded = true;
    // Attempts that lost against another one end a moment after the request.
    setImmediate(() => {
      this.#open.delete(record.requestId);
      this.#writeAttempts(entry, entry.span.spanId);
      this.#options.tracing.end(entry.span, requestFacts(record, entry.events));
    });
  }

  /** A job's requests that have no record of their own (warm-ups): their attempts belong to the job. */
  jobEnded(job: OpenSpan): void {
    for (const [requestId, entry] of this.#open) {
      if (entry.within !== job || entry.hasEnded) continue;
      this.#open.delete(requestId);
      this.#writeAttempts(entry, job.spanId);
    }
  }

  #entryOf(requestId: string): Entry | undefined {
    const known = this.#open.get(requestId);
    if (known !== undefined) return known;
    const job = this.#options.job?.();
    if (job === undefined) return undefined;
    return this.#keep(requestId, this.#options.tracing.start(job), job);
  }

  #keep(requestId: string, span: OpenSpan, within: OpenSpan | undefined): Entry | undefined {
    if (!span.sampled || this.#open.size >= MAX_OPEN) return undefined;
    const entry: Entry = { span, within, attempts: [], events: [], hasEnded: false };
    this.#open.set(requestId, entry);
    return entry;
  }

  #note(requestId: string, name: string, attributes: Attributes): void {
    this.#entryOf(requestId)?.events.push({ name, at: this.#now(), attributes });
  }

  #writeAttempts({ span, attempts }: Entry, parentId: string): void {
    for (const attempt of attempts) {
      const { provider, model, outcome, operation = 'chat', durationMs, firstContentMs } = attempt;
      this.#options.tracing.end(attemptSpan(span, attempt.index, parentId), {
        name: `${operation} ${model}`,
        kind: 'client',
        startedAt: attempt.startedAt,
        durationMs,
        error: outcome === 'ok' ? undefined : outcome,
        attributes: {
          [GEN_AI.operation]: operation,
          [GEN_AI.provider]: providerName(provider),
          [GEN_AI.requestModel]: model,
          [GEN_AI.finishReasons]: attempt.finishReason === undefined ? undefined : [attempt.finishReason],
          [GEN_AI.firstChunkSeconds]: firstContentMs === undefined ? undefined : firstContentMs / 1_000,
          ...usageAttributes(attempt.usage),
          'http.response.status_code': attempt.status,
          'moltbot.request.id': attempt.requestId,
          'moltbot.attempt.index': attempt.index,
          'moltbot.attempt.role': attempt.role,
          'moltbot.credential': attempt.credential,
          'moltbot.connection': attempt.connection,
        },
      });
    }
  }
}

/** Its id follows from the request's, so that a provider can be told before the attempt has ended. */
function attemptSpan(request: OpenSpan, index: number, parentId: string): OpenSpan {
  const id = BigInt.asUintN(64, BigInt(`0x${request.spanId}`) + BigInt(index) + 1n) || 1n;
  return { traceId: request.traceId, spanId: id.toString(16).padStart(16, '0'), parentId, sampled: request.sampled };
}

function requestFacts(record: TracedRequest, events: readonly SpanEvent[]): Parameters<Tracing['end']>[1] {
  const { operation, servedBy, errorCode, outcome } = record;
  const colon = servedBy?.indexOf(':') ?? -1;
  return {
    name: record.chain === '' ? operation : `${operation} ${record.chain}`,
    kind: 'server',
    startedAt: record.startedAt,
    durationMs: record.durationMs,
    error: errorCode ?? (outcome === 'interrupted' || outcome === 'failed' ? outcome : undefined),
    events,
    attributes: {
      [GEN_AI.operation]: operation,
      [GEN_AI.provider]: servedBy === undefined ? undefined : providerName(servedBy.slice(0, colon)),
      [GEN_AI.responseModel]: servedBy?.slice(colon + 1),
      ...usageAttributes(record.usage),
      'moltbot.request.id': record.requestId,
      'moltbot.chain': record.chain === '' ? undefined : record.chain,
      'moltbot.dialect': record.dialect,
      'moltbot.stream': record.stream,
      'moltbot.outcome': outcome,
      'moltbot.attempts': record.attempts,
    },
  };
}

function usageAttributes(usage: CountedUsage | undefined): Attributes {
  if (usage === undefined) return {};
  return {
    [GEN_AI.inputTokens]: usage.inputTokens,
    [GEN_AI.outputTokens]: usage.outputTokens,
    [GEN_AI.cachedTokens]: usage.cachedInputTokens,
    [GEN_AI.cacheWriteTokens]: usage.cacheWriteTokens,
    [GEN_AI.reasoningTokens]: usage.reasoningTokens,
  };
}
