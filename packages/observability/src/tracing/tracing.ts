import { randomFillSync } from 'node:crypto';
import type { TraceContext } from '../trace-context.js';
import type { Attributes, OpenSpan, SpanFacts } from './span.js';

export interface TracingOptions {
  /** Of OTLP over HTTP, path included. */
  readonly endpoint: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** 0 to 1: part of the traces that begin here which is kept. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  /** Of the service: version, role, what the operator adds. */
  readonly resource: Attributes;
  /** Spans that were not exported: `full` (too many wait), `failed` (the collector did not take them). */
  readonly onDrop: (count: number, reason: 'full' | 'failed') => void;
  /** First failure of a series. */
  readonly onLost: (error: Error) => void;
  readonly onBack: () => void;
}

/** Spans of one process on their way to a collector. Nothing here waits for it. */
export interface Tracing {
  /** A new span within the caller's trace, or the first of one. Whether it is kept was the caller's choice, or is the ratio's. */
  start(parent: Pick<OpenSpan, 'traceId' | 'spanId' | 'sampled'> | undefined): OpenSpan;
  /** Tells what became of it; nothing where it is not kept. */
  end(span: OpenSpan, facts: SpanFacts): void;
  /** Sends what waits, bounded in time. */
  close(): Promise<void>;
}

/** Loads OpenTelemetry's SDK (0.1 s and 16 MB in a checkout): only called where somebody wants traces. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { openSpanWriter } = await import('./span-writer.js');
  const writer = openSpanWriter(options);
  return createTracing({ sampleRatio: options.sampleRatio, writer });
}

export interface SpanWriter {
  write(span: OpenSpan, facts: SpanFacts): void;
  close(): Promise<void>;
}

export function createTracing(options: { readonly sampleRatio: number; readonly writer: SpanWriter }): Tracing {
  const { sampleRatio, writer } = options;
  return {
    start: (parent) => {
      const traceId = parent?.traceId ?? randomHex(16);
      return {
        traceId,
        spanId: randomHex(8),
        parentId: parent?.spanId,
        sampled: parent?.sampled ?? isKept(traceId, sampleRatio),
      };
    },
    end: (span, facts) => {
      if (span.sampled) writer.write(span, facts);
    },
    close: async () => writer.close(),
  };
}

/** Asked of the system at once for some hundred ids: one call of it costs as much as 20 of them. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

function randomHex(size: number): string {
  if (used + size > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += size;
  return pool.toString('hex', used - size, used);
}

/** By the trace's id alone, so that all who see it choose alike: the last 56 bits are its randomness (W3C Trace Context 2). */
function isKept(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-14), 16) >= 2 ** 56 * (1 - ratio);
}

/** The caller's span, as spans name their parents. */
export function parentOf(
  context: TraceContext | undefined,
): Pick<OpenSpan, 'traceId' | 'spanId' | 'sampled'> | undefined {
  if (context === undefined) return undefined;
  return { traceId: context.traceId, spanId: context.parentId, sampled: context.sampled };
}

/** As others are told of a span of ours (W3C Trace Context). */
export function traceparentOf({ traceId, spanId, sampled }: Omit<OpenSpan, 'parentId'>): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
