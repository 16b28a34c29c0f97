/** What a named field of a structured line may tell. */
export const FIELD = {
  message: 0,
  time: 1,
  level: 2,
  trace: 3,
  request: 4,
  conversation: 5,
  durationMs: 6,
  durationSeconds: 7,
  durationNanoseconds: 8,
  status: 9,
  route: 10,
  logger: 11,
  error: 12,
} as const;

export const FIELD_COUNT = 13;

/** Names in the order of preference; nested ones with their containers (`req.url`). */
const NAMES: Readonly<Record<keyof typeof FIELD, string>> = {
  message: 'msg message log.message body event text log',
  time: 'time timestamp @timestamp ts t datetime date',
  level: 'level severity lvl levelname log.level loglevel severityText',
  trace: 'traceId trace_id trace.id traceID dd.trace_id otelTraceID',
  request:
    'requestId request_id req_id reqId request.id req.id x-request-id requestID rid correlationId correlation_id http.request.id',
  conversation:
    'conversationId conversation_id conversation.id sessionId session_id session.id threadId thread_id chatId chat_id',
  durationMs:
    'durationMs duration_ms responseTime response_time_ms elapsedMs elapsed_ms latencyMs latency_ms tookMs took_ms duration elapsed latency took responseTimeMs',
  durationSeconds:
    'durationSeconds duration_seconds duration_s request_time elapsed_seconds latency_seconds response_time',
  durationNanoseconds: 'event.duration duration_ns',
  status:
    'status statusCode status_code http.status_code res.statusCode res.status http.response.status_code response.status',
  route: 'route http.route path url req.url req.path request.url request.path http.target url.path uri request_uri',
  logger: 'logger name logger_name component module log.logger loggerName service.name scope',
  error: 'err.message error.message exception.message error err.msg',
};

/** Containers that are looked into. */
export const CONTAINERS: ReadonlySet<string> = new Set([
  'req',
  'res',
  'request',
  'response',
  'http',
  'http.request',
  'http.response',
  'err',
  'error',
  'exception',
  'trace',
  'log',
  'event',
  'session',
  'conversation',
  'service',
  'url',
  'dd',
]);

export interface FieldName {
  readonly field: number;
  /** Lower is preferred. */
  readonly rank: number;
}

export const FIELD_NAMES: ReadonlyMap<string, FieldName> = new Map(
  Object.entries(NAMES).flatMap(([field, names]) =>
    names
      .split(' ')
      .map((name, rank): [string, FieldName] => [name, { field: FIELD[field as keyof typeof FIELD], rank }]),
  ),
);
