/** A metric's name and meaning; `labels` in the order in which they are looked up. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds in the metric's unit; of histograms only. */
  readonly buckets?: readonly number[];
}

const ANSWER_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const;
const CONTENT_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] as const;
const RESERVATION_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
const WORK_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] as const;

/** Every metric of the product, besides those of the process (`process_*`, `nodejs_*`). `docs/metrics.md` is generated from it. */
export const METRICS = {
  requests: {
    name: 'moltbot_requests_total',
    type: 'counter',
    help: 'Accepted requests, by how they ended.',
    labels: ['operation', 'dialect', 'outcome'],
  },
  requestDuration: {
    name: 'moltbot_request_duration_seconds',
    type: 'histogram',
    help: 'From the whole request to the end of its answer.',
    labels: ['operation', 'stream'],
    buckets: ANSWER_SECONDS,
  },
  requestsInFlight: {
    name: 'moltbot_requests_in_flight',
    type: 'gauge',
    help: 'Requests that are being answered now.',
    labels: [],
  },
  firstContent: {
    name: 'moltbot_first_content_seconds',
    type: 'histogram',
    help: 'From the request to the first content of a streamed answer.',
    labels: ['provider', 'model'],
    buckets: CONTENT_SECONDS,
  },
  contentGap: {
    name: 'moltbot_content_gap_seconds',
    type: 'histogram',
    help: 'Longest wait between two contents, once per stream.',
    labels: [],
    buckets: CONTENT_SECONDS,
  },
  tokens: {
    name: 'moltbot_tokens_total',
    type: 'counter',
    help: 'Tokens by direction: input, output, cached (part of input), reasoning (part of output).',
    labels: ['provider', 'model', 'direction'],
  },
  costMicros: {
    name: 'moltbot_cost_micros_total',
    type: 'counter',
    help: 'Cost of answers in millionths of the price currency, where a price is configured.',
    labels: ['provider', 'model'],
  },
  attempts: {
    name: 'moltbot_attempts_total',
    type: 'counter',
    help: 'Calls to model services, by outcome: ok or the kind of failure.',
    labels: ['provider', 'model', 'outcome'],
  },
  attemptDuration: {
    name: 'moltbot_attempt_duration_seconds',
    type: 'histogram',
    help: 'From a call to a model service to its end.',
    labels: ['provider', 'model'],
    buckets: ANSWER_SECONDS,
  },
  fallbacks: {
    name: 'moltbot_fallbacks_total',
    type: 'counter',
    help: 'Moves from one target of a chain to the next, by the kind of failure.',
    labels: ['from', 'to', 'reason'],
  },
  rescues: {
    name: 'moltbot_rescues_total',
    type: 'counter',
    help: 'Broken answers that another model went on with, by rung of the ladder (prefill, continue, anew) and outcome.',
    labels: ['rung', 'outcome'],
  },
  breakerState: {
    name: 'moltbot_breaker_state',
    type: 'gauge',
    help: 'Breaker of a target: 0 closed, 1 half-open, 2 open.',
    labels: ['target'],
  },
  breakerTransitions: {
    name: 'moltbot_breaker_transitions_total',
    type: 'counter',
    help: 'Changes of a breaker, by the state it went to.',
    labels: ['target', 'to'],
  },
  deadTargetCalls: {
    name: 'moltbot_dead_target_calls_total',
    type: 'counter',
    help: 'Calls to a target whose breaker was not closed (probes, and the last one left of a chain).',
    labels: ['target'],
  },
  retryBudgetRemaining: {
    name: 'moltbot_retry_budget_remaining',
    type: 'gauge',
    help: 'Repeats that the process-wide retry budget still allows.',
    labels: [],
  },
  credentialState: {
    name: 'moltbot_credential_state',
    type: 'gauge',
    help: 'Credential of a provider: 1 in use, 0 out (rejected, or without quota).',
    labels: ['credential'],
  },
  credentialExpires: {
    name: 'moltbot_credential_expires_timestamp_seconds',
    type: 'gauge',
    help: 'When the token of a signed-in account ends (Unix time); it is refreshed before that.',
    labels: ['credential'],
  },
  credentialUsable: {
    name: 'moltbot_credential_usable',
    type: 'gauge',
    help: 'Whether a credential can be used as far as its store knows: 0 where it is expired, revoked, signed out or unresolved.',
    labels: ['credential'],
  },
  credentialRefreshes: {
    name: 'moltbot_credential_refreshes_total',
    type: 'counter',
    help: 'Refreshes that this process began, by result: ok, failed, revoked.',
    labels: ['credential', 'result'],
  },
  streamOutcomes: {
    name: 'moltbot_stream_outcomes_total',
    type: 'counter',
    help: 'Ends of streamed answers: complete, rescued, interrupted, failed, cancelled.',
    labels: ['outcome'],
  },
  accessDenied: {
    name: 'moltbot_access_denied_total',
    type: 'counter',
    help: 'Requests that were refused at the door, by error code.',
    labels: ['reason'],
  },
  limitRefusals: {
    name: 'moltbot_limit_refusals_total',
    type: 'counter',
    help: 'Requests that a limit of their caller refused: requests, tokens, parallel, day or month (budgets), unpriced.',
    labels: ['limit'],
  },
  budgetReservation: {
    name: 'moltbot_budget_reservation_seconds',
    type: 'histogram',
    help: 'How long a request waited for money to be set aside for it.',
    labels: [],
    buckets: RESERVATION_SECONDS,
  },
  budgetReservationsOpen: {
    name: 'moltbot_budget_reservations_open',
    type: 'gauge',
    help: 'Reservations of money whose requests are under way.',
    labels: [],
  },
  budgetSettlementsUnwritten: {
    name: 'moltbot_budget_settlements_unwritten',
    type: 'gauge',
    help: 'Costs of ended requests that the database does not have yet.',
    labels: [],
  },
  budgetOverruns: {
    name: 'moltbot_budget_overruns_total',
    type: 'counter',
    help: 'Requests that cost more than was set aside for them: a model without `max_output_tokens` wrote more than assumed.',
    labels: [],
  },
  quotasShared: {
    name: 'moltbot_quotas_shared',
    type: 'gauge',
    help: 'Limits of callers: 1 counted over all processes, 0 by each for itself.',
    labels: [],
  },
  usageRowsDropped: {
    name: 'moltbot_usage_rows_dropped_total',
    type: 'counter',
    help: 'Rows of the usage ledger that could not be written and did not fit the buffer.',
    labels: [],
  },
  usageRowsBuffered: {
    name: 'moltbot_usage_rows_buffered',
    type: 'gauge',
    help: 'Rows of the usage ledger that wait for the database.',
    labels: [],
  },
  auditRowsDropped: {
    name: 'moltbot_audit_rows_dropped_total',
    type: 'counter',
    help: 'Rows of the audit log that could not be written and did not fit the buffer.',
    labels: [],
  },
  configReloads: {
    name: 'moltbot_config_reloads_total',
    type: 'counter',
    help: 'Changes of config.yml or auth.json that were noticed: applied or refused.',
    labels: ['result'],
  },
  logLinesDropped: {
    name: 'moltbot_log_lines_dropped_total',
    type: 'counter',
    help: 'Log lines that no output took (a full disk, a reader that does not read).',
    labels: [],
  },
  jobs: {
    name: 'moltbot_jobs_total',
    type: 'counter',
    help: 'Attempts at jobs, by outcome: completed, failed (will be tried again), dead (will not).',
    labels: ['job', 'outcome'],
  },
  jobDuration: {
    name: 'moltbot_job_duration_seconds',
    type: 'histogram',
    help: 'Duration of one attempt at a job.',
    labels: ['job'],
    buckets: WORK_SECONDS,
  },
  queueJobs: {
    name: 'moltbot_queue_jobs',
    type: 'gauge',
    help: 'Jobs in a queue by state: waiting, active, delayed, completed, failed.',
    labels: ['queue', 'state'],
  },
  modelLoadState: {
    name: 'moltbot_model_load_state',
    type: 'gauge',
    help: 'Last warm-up of a model, or how far a local one is: 0 failed, 1 loading, 2 warm, 3 unloaded.',
    labels: ['model'],
  },
  modelLoad: {
    name: 'moltbot_model_load_seconds',
    type: 'histogram',
    help: 'How long a model took to load: to answer in a warm-up, or to be in memory (local ones).',
    labels: ['model'],
    buckets: WORK_SECONDS,
  },
  eventLoopLag: {
    name: 'moltbot_event_loop_lag_seconds',
    type: 'gauge',
    help: 'How late the event loop ran since the last scrape, by quantile (0.5, 0.99, 1); measured from the first scrape on.',
    labels: ['quantile'],
  },
  buildInfo: {
    name: 'moltbot_build_info',
    type: 'gauge',
    help: 'Always 1; what runs, in its labels.',
    labels: ['version', 'node', 'role'],
  },
} as const satisfies Record<string, MetricRow>;

export type MetricTable = typeof METRICS;
