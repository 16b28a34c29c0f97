import {
  type Attributes as OtelAttributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, type IdGenerator, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Attributes, OpenSpan } from './span.js';
import { SpanBatches } from './span-batches.js';
import { collectorOf, postSpans } from './span-post.js';
import type { SpanWriter, TracingOptions } from './tracing.js';

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, consumer: SpanKind.CONSUMER } as const;
/** Whatever an attribute is: names and numbers, none of them long. */
const LONGEST_VALUE = 512;

/** The ids of the span that is made next: they are older than it. */
class GivenIds implements IdGenerator {
  traceId = '';
  spanId = '';

  generateTraceId(): string {
    return this.traceId;
  }

  generateSpanId(): string {
    return this.spanId;
  }
}

/** Finished spans as OpenTelemetry's SDK makes and exports them. Its globals are left alone: nothing else is traced. */
export function openSpanWriter(options: TracingOptions): SpanWriter {
  const { serviceName, resource } = options;
  const collector = collectorOf({ endpoint: options.endpoint, headers: options.headers ?? {} });
  const batches = new SpanBatches({
    ...options,
    post: async (spans, closing) => postSpans({ ...collector, spans, closing }),
  });
  const ids = new GivenIds();
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    resource: resourceFromAttributes(present({ 'service.name': serviceName, ...resource })),
    spanProcessors: [batches],
    spanLimits: { attributeValueLengthLimit: LONGEST_VALUE, eventCountLimit: 64 },
  });
  const tracer = provider.getTracer('moltbot');
  return {
    write: (span, facts) => {
      ids.traceId = span.traceId;
      ids.spanId = span.spanId;
      const made = tracer.startSpan(
        facts.name,
        { kind: KINDS[facts.kind], startTime: facts.startedAt, attributes: present(facts.attributes) },
        parentContext(span),
      );
      for (const { name, at, attributes } of facts.events ?? []) made.addEvent(name, present(attributes), at);
      if (facts.error !== undefined) {
        made.setAttribute('error.type', facts.error);
        made.setStatus({ code: SpanStatusCode.ERROR, message: facts.error });
      }
      made.end(facts.startedAt + facts.durationMs);
    },
    close: async () => {
      await batches.close();
    },
  };
}

function parentContext({ traceId, parentId }: OpenSpan): Context {
  if (parentId === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: parentId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function present(attributes: Attributes): OtelAttributes {
  const kept: OtelAttributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    kept[name] = typeof value === 'object' ? [...value] : value;
  }
  return kept;
}
