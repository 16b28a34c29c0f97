export { countAttempt, type CountedAttempt, type CountedUsage } from './count-attempt.js';
export { countRequest, type CountedRequest } from './count-request.js';
export { type LogSettings, openConfiguredLogger } from './configured-logger.js';
export type { LogFields, LogLevel } from './log-line.js';
export type { LogSink, SyslogOptions } from './log-outputs.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export type { Counter, FamilyLimits, Gauge, Histogram } from './metric-family.js';
export { acrossOf, type Across, type MetricRow } from './metric-row.js';
export { METRICS } from './metric-table.js';
export {
  type CounterFamily,
  createMetrics,
  type GaugeFamily,
  type HistogramFamily,
  type Metrics,
  type MetricsOptions,
} from './metrics.js';
export { metricsReferenceMarkdown } from './metrics-reference.js';
export { type HealthReport, type OpsServer, type OpsServerOptions, startOpsServer } from './ops-server.js';
export { type RedactOptions, redact } from './redact.js';
export { redactText } from './redact-text.js';
export { createRequestIds, type RequestIds, type RequestIdsOptions } from './request-id.js';
export { childTraceContext, formatTraceparent, parseTraceparent, type TraceContext } from './trace-context.js';
export { openConfiguredTracing, type TracingSettings } from './tracing/configured-tracing.js';
export { JobTraces, type TracedJob } from './tracing/job-traces.js';
export { RequestTraces, type TracedAttempt, type TracedRequest } from './tracing/request-traces.js';
export type { OpenSpan, SpanFacts } from './tracing/span.js';
export { openTracing, parentOf, traceparentOf, type Tracing, type TracingOptions } from './tracing/tracing.js';
export { BREAKER_LEVELS, watchTargets, type WatchedTarget, type WatchTargetsOptions } from './watch-targets.js';
export { type CredentialWatch, watchCredentials, type WatchedCredential } from './watch-credentials.js';
