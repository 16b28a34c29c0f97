// What the dashboards show: title → rows of panels. `@` stands for the variables of the page. Kinds are Grafana's panel types.
// A gauge that all processes tell alike is read by max or min, never summed (docs/metrics.md).

const ANSWERED = 'outcome=~"complete|rescued"';
const BAD = 'outcome=~"failed|interrupted"';
const COUNTED = 'outcome!~"refused|cancelled"';

const quantiles = (metric, by, filter = '') =>
  [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${['le', ...by].join(', ')}) (rate(${metric}_bucket{@${filter}}[$__rate_interval])))`,
    legend: [`p${quantile * 100}`, ...by.map((label) => `{{${label}}}`)].join(' '),
  }));
const one = (expr, legend = '') => [{ expr, legend }];
const rate = (metric, by, filter = '') =>
  one(
    `sum by (${by.join(', ')}) (rate(${metric}{@${filter}}[$__rate_interval]))`,
    by.map((label) => `{{${label}}}`).join(' '),
  );
const MODEL = ['gen_ai_provider_name', 'gen_ai_request_model'];
const money = (window) => `sum(increase(moltbot_cost_micros_total{@}[${window}])) / 1e6`;
const errorShare = `sum(rate(moltbot_requests_total{@,${BAD}}[$__rate_interval])) / sum(rate(moltbot_requests_total{@,${COUNTED}}[$__rate_interval]))`;

export const DASHBOARDS = {
  overview: {
    title: 'MoltBot: overview',
    panels: [
      {
        title: 'Requests',
        type: 'stat',
        unit: 'reqps',
        targets: one('sum(rate(moltbot_requests_total{@}[$__rate_interval]))'),
      },
      { title: 'Failed for their callers', type: 'stat', unit: 'percentunit', targets: one(errorShare), red: 0.005 },
      {
        title: 'First token, 95th percentile',
        type: 'stat',
        unit: 's',
        targets: one(
          'histogram_quantile(0.95, sum by (le) (rate(gen_ai_server_time_to_first_token_seconds_bucket{@}[$__rate_interval])))',
        ),
        red: 5,
      },
      { title: 'In flight', type: 'stat', unit: 'short', targets: one('sum(moltbot_requests_in_flight{@})') },
      {
        title: 'Chains without a target',
        type: 'stat',
        unit: 'short',
        targets: one('count(max by (chain) (moltbot_chain_targets_callable{job=~".*primary",@}) == 0) or vector(0)'),
        red: 1,
      },
      {
        title: 'Alerts that fire',
        type: 'stat',
        unit: 'short',
        targets: one('count(ALERTS{alertname=~"Moltbot.*", alertstate="firing"}) or vector(0)'),
        red: 1,
      },
      {
        title: 'Requests by outcome',
        unit: 'reqps',
        targets: rate('moltbot_requests_total', ['outcome']),
        stack: true,
      },
      { title: 'Failed for their callers', unit: 'percentunit', targets: one(errorShare, 'failed or cut') },
      {
        title: 'Whole request',
        unit: 's',
        targets: quantiles('gen_ai_server_request_duration_seconds', [], ',error_type=""'),
      },
      { title: 'First token', unit: 's', targets: quantiles('gen_ai_server_time_to_first_token_seconds', []) },
      {
        title: 'Answers by model',
        unit: 'reqps',
        targets: rate(
          'gen_ai_server_request_duration_seconds_count',
          ['gen_ai_provider_name', 'gen_ai_response_model'],
          ',gen_ai_response_model!=""',
        ),
        stack: true,
      },
      {
        title: 'Answers from a fallback',
        unit: 'percentunit',
        targets: one(
          `sum(rate(moltbot_fallbacks_total{@}[$__rate_interval])) / sum(rate(moltbot_requests_total{@,${ANSWERED}}[$__rate_interval]))`,
          'share',
        ),
      },
      {
        title: 'Waiting jobs',
        unit: 'short',
        targets: one('max by (queue) (moltbot_queue_jobs{@,state="waiting"})', '{{queue}}'),
      },
      { title: 'Cost per hour', unit: 'currencyUSD', targets: one(money('1h'), 'last hour') },
      {
        title: 'Processes',
        type: 'table',
        unit: 'short',
        targets: one('sum by (job, instance, role, version, node) (moltbot_build_info{@})'),
        instant: true,
      },
      {
        title: 'Answers to Prometheus',
        type: 'state-timeline',
        unit: 'short',
        targets: one('up{job=~"moltbot.*",@}', '{{job}} {{instance}}'),
        mappings: { 0: ['down', 'red'], 1: ['up', 'green'] },
      },
    ],
  },

  providers: {
    title: 'MoltBot: providers and failover',
    panels: [
      {
        title: 'Targets that would be called, by chain',
        type: 'stat',
        unit: 'short',
        targets: one('max by (chain) (moltbot_chain_targets_callable{job=~".*primary",@})', '{{chain}}'),
      },
      {
        title: 'Targets of the chain',
        type: 'stat',
        unit: 'short',
        targets: one('max by (chain) (moltbot_chain_targets{job=~".*primary",@})', '{{chain}}'),
      },
      { title: 'Repeats left', type: 'stat', unit: 'short', targets: one('sum(moltbot_retry_budget_remaining{@})') },
      {
        title: 'Breakers',
        type: 'state-timeline',
        unit: 'short',
        targets: one('max by (target) (moltbot_breaker_state{@})', '{{target}}'),
        mappings: { 0: ['closed', 'green'], 1: ['half-open', 'yellow'], 2: ['open', 'red'] },
      },
      {
        title: 'Calls by target and outcome',
        unit: 'reqps',
        targets: rate('moltbot_attempts_total', ['provider', 'model', 'outcome']),
        stack: true,
      },
      {
        title: 'Failed calls by kind',
        unit: 'reqps',
        targets: rate('moltbot_attempts_total', ['provider', 'outcome'], ',outcome!="ok"'),
        stack: true,
      },
      {
        title: 'Duration of a call, 95th percentile',
        unit: 's',
        targets: one(
          `histogram_quantile(0.95, sum by (le, ${MODEL.join(', ')}) (rate(gen_ai_client_operation_duration_seconds_bucket{@,error_type=""}[$__rate_interval])))`,
          '{{gen_ai_provider_name}}:{{gen_ai_request_model}}',
        ),
      },
      {
        title: 'First content of a call, 95th percentile',
        unit: 's',
        targets: one(
          `histogram_quantile(0.95, sum by (le, ${MODEL.join(', ')}) (rate(gen_ai_client_operation_time_to_first_chunk_seconds_bucket{@}[$__rate_interval])))`,
          '{{gen_ai_provider_name}}:{{gen_ai_request_model}}',
        ),
      },
      {
        title: 'Fallbacks',
        unit: 'reqps',
        targets: one(
          'sum by (from, to, reason) (rate(moltbot_fallbacks_total{@}[$__rate_interval]))',
          '{{from}} → {{to}} ({{reason}})',
        ),
      },
      {
        title: 'Rescues of broken answers',
        unit: 'reqps',
        targets: rate('moltbot_rescues_total', ['rung', 'outcome']),
      },
      {
        title: 'Changes of breakers',
        unit: 'short',
        targets: one(
          'sum by (target, to) (increase(moltbot_breaker_transitions_total{@}[$__rate_interval]))',
          '{{target}} {{to}}',
        ),
      },
      {
        title: 'Calls to targets known to be dead',
        unit: 'reqps',
        targets: rate('moltbot_dead_target_calls_total', ['target']),
      },
      {
        title: 'Credentials, as their store knows',
        type: 'state-timeline',
        unit: 'short',
        targets: one('min by (credential) (moltbot_credential_usable{@})', '{{credential}}'),
        mappings: { 0: ['unusable', 'red'], 1: ['usable', 'green'] },
      },
      {
        title: 'Credentials, as their provider takes them',
        type: 'state-timeline',
        unit: 'short',
        targets: one('min by (credential) (moltbot_credential_state{@})', '{{credential}}'),
        mappings: { 0: ['out', 'red'], 1: ['in use', 'green'] },
      },
      {
        title: 'Tokens end in',
        unit: 's',
        targets: one(
          'max by (credential) (moltbot_credential_expires_timestamp_seconds{@}) - time()',
          '{{credential}}',
        ),
      },
      {
        title: 'Refreshes',
        unit: 'short',
        targets: one(
          'sum by (credential, result) (increase(moltbot_credential_refreshes_total{@}[$__rate_interval]))',
          '{{credential}} {{result}}',
        ),
      },
      {
        title: 'Last drill of a chain',
        type: 'state-timeline',
        unit: 'short',
        targets: one('min by (chain) (moltbot_drill_passed{@})', '{{chain}}'),
        mappings: { 0: ['failed', 'red'], 1: ['passed', 'green'] },
      },
      {
        title: 'What users would have seen in the last drill',
        unit: 'short',
        targets: one('max by (chain, outcome) (moltbot_drill_faults{@})', '{{chain}} {{outcome}}'),
      },
      {
        title: 'Since the last drill',
        unit: 's',
        targets: one('time() - max by (chain) (moltbot_drill_timestamp_seconds{@})', '{{chain}}'),
      },
    ],
  },

  conversations: {
    title: 'MoltBot: conversations',
    panels: [
      {
        title: 'Accepted messages without an account',
        type: 'stat',
        unit: 'short',
        targets: one('sum(moltbot_messages_unaccounted_total{@})'),
        red: 1,
      },
      {
        title: 'Streams that ended well',
        type: 'stat',
        unit: 'percentunit',
        targets: one(
          'sum(rate(moltbot_stream_outcomes_total{@,outcome=~"complete|joined|replaced"}[$__rate_interval])) / sum(rate(moltbot_stream_outcomes_total{@,outcome!~"refused|cancelled"}[$__rate_interval]))',
        ),
      },
      {
        title: 'Refused at the door',
        type: 'stat',
        unit: 'reqps',
        targets: one('sum(rate(moltbot_access_denied_total{@}[$__rate_interval]))'),
      },
      {
        title: 'Requests by dialect',
        unit: 'reqps',
        targets: rate('moltbot_requests_total', ['operation', 'dialect']),
        stack: true,
      },
      {
        title: 'Ends of streams',
        unit: 'reqps',
        targets: rate('moltbot_stream_outcomes_total', ['outcome']),
        stack: true,
      },
      { title: 'First token', unit: 's', targets: quantiles('gen_ai_server_time_to_first_token_seconds', []) },
      {
        title: 'Between two tokens (mean of an answer)',
        unit: 's',
        targets: quantiles('gen_ai_server_time_per_output_token_seconds', []),
      },
      {
        title: 'Longest wait within a stream, 99th percentile',
        unit: 's',
        targets: one(
          'histogram_quantile(0.99, sum by (le, provider, model) (rate(moltbot_content_gap_seconds_bucket{@}[$__rate_interval])))',
          '{{provider}}:{{model}}',
        ),
      },
      {
        title: 'Whole answers, by model, 95th percentile',
        unit: 's',
        targets: one(
          'histogram_quantile(0.95, sum by (le, gen_ai_provider_name, gen_ai_response_model) (rate(gen_ai_server_request_duration_seconds_bucket{@,stream="false",error_type=""}[$__rate_interval])))',
          '{{gen_ai_provider_name}}:{{gen_ai_response_model}}',
        ),
      },
      {
        title: 'Errors by code',
        unit: 'reqps',
        targets: rate('gen_ai_server_request_duration_seconds_count', ['error_type'], ',error_type!=""'),
        stack: true,
      },
      {
        title: 'Refused at the door, by reason',
        unit: 'reqps',
        targets: rate('moltbot_access_denied_total', ['reason']),
      },
      {
        title: 'Refused by a limit of the caller',
        unit: 'reqps',
        targets: rate('moltbot_limit_refusals_total', ['limit']),
      },
      {
        title: 'Tokens',
        unit: 'short',
        targets: one(
          'sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{@}[$__rate_interval]))',
          '{{gen_ai_token_type}} per second',
        ),
      },
    ],
  },

  jobs: {
    title: 'MoltBot: jobs',
    panels: [
      {
        title: 'Longest due',
        type: 'stat',
        unit: 's',
        targets: one('max(moltbot_queue_oldest_waiting_seconds{@})'),
        red: 300,
      },
      {
        title: 'Failed for good, 24 h',
        type: 'stat',
        unit: 'short',
        targets: one('sum(increase(moltbot_jobs_total{@,outcome="dead"}[24h]))'),
        red: 1,
      },
      {
        title: 'Running',
        type: 'stat',
        unit: 'short',
        targets: one('sum(max by (queue) (moltbot_queue_jobs{@,state="active"}))'),
      },
      {
        title: 'Jobs in the queues',
        unit: 'short',
        targets: one(
          'max by (queue, state) (moltbot_queue_jobs{@,state=~"waiting|active|delayed"})',
          '{{queue}} {{state}}',
        ),
      },
      {
        title: 'Next job has been due for',
        unit: 's',
        targets: one('max by (queue) (moltbot_queue_oldest_waiting_seconds{@})', '{{queue}}'),
      },
      {
        title: 'Attempts by outcome',
        unit: 'short',
        targets: one(
          'sum by (type, outcome) (increase(moltbot_jobs_total{@}[$__rate_interval]))',
          '{{type}} {{outcome}}',
        ),
        stack: true,
      },
      {
        title: 'Failures, dead letters and takeovers',
        unit: 'short',
        targets: one(
          'sum by (type, outcome) (increase(moltbot_jobs_total{@,outcome=~"failed|dead|stalled"}[$__rate_interval]))',
          '{{type}} {{outcome}}',
        ),
      },
      {
        title: 'Wait before the first attempt, 95th percentile',
        unit: 's',
        targets: one(
          'histogram_quantile(0.95, sum by (le, type) (rate(moltbot_job_wait_seconds_bucket{@}[$__rate_interval])))',
          '{{type}}',
        ),
      },
      {
        title: 'Run time, 95th percentile',
        unit: 's',
        targets: one(
          'histogram_quantile(0.95, sum by (le, type) (rate(moltbot_job_duration_seconds_bucket{@}[$__rate_interval])))',
          '{{type}}',
        ),
      },
      {
        title: 'Models',
        type: 'state-timeline',
        unit: 'short',
        targets: one('max by (job, model) (moltbot_model_load_state{@})', '{{model}} ({{job}})'),
        mappings: { 0: ['failed', 'red'], 1: ['loading', 'yellow'], 2: ['warm', 'green'], 3: ['unloaded', 'blue'] },
      },
      {
        title: 'Loading a model, mean',
        unit: 's',
        targets: one(
          'sum by (model) (rate(moltbot_model_load_seconds_sum{@}[$__rate_interval])) / sum by (model) (rate(moltbot_model_load_seconds_count{@}[$__rate_interval]))',
          '{{model}}',
        ),
      },
      {
        title: 'Kept as completed or failed',
        unit: 'short',
        targets: one('max by (queue, state) (moltbot_queue_jobs{@,state=~"completed|failed"})', '{{queue}} {{state}}'),
      },
    ],
  },

  cost: {
    title: 'MoltBot: tokens and cost',
    description: 'Money is in the currency of the configured prices; Grafana shows it with a dollar sign.',
    panels: [
      { title: 'Cost, last hour', type: 'stat', unit: 'currencyUSD', targets: one(money('1h')) },
      { title: 'Cost, 24 h', type: 'stat', unit: 'currencyUSD', targets: one(money('24h')) },
      {
        title: 'Input read from a cache',
        type: 'stat',
        unit: 'percentunit',
        targets: one(
          'sum(rate(gen_ai_client_inference_usage_cache_read_input_tokens_total{@}[$__rate_interval])) / sum(rate(gen_ai_client_token_usage_sum{@,gen_ai_token_type="input"}[$__rate_interval]))',
        ),
      },
      {
        title: 'Cost per hour, by model',
        unit: 'currencyUSD',
        targets: one(
          'sum by (provider, model) (rate(moltbot_cost_micros_total{@}[$__rate_interval])) * 3600 / 1e6',
          '{{provider}}:{{model}}',
        ),
        stack: true,
      },
      {
        title: 'Cost per 1,000 calls, by model',
        unit: 'currencyUSD',
        targets: one(
          'sum by (provider, model) (rate(moltbot_cost_micros_total{@}[$__rate_interval])) / sum by (provider, model) (rate(moltbot_attempts_total{@,outcome="ok"}[$__rate_interval])) / 1e3',
          '{{provider}}:{{model}}',
        ),
      },
      {
        title: 'Tokens by model',
        unit: 'short',
        targets: one(
          `sum by (${MODEL.join(', ')}, gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{@}[$__rate_interval]))`,
          '{{gen_ai_provider_name}}:{{gen_ai_request_model}} {{gen_ai_token_type}}',
        ),
        stack: true,
      },
      {
        title: 'Input tokens of a call',
        unit: 'short',
        targets: quantiles('gen_ai_client_token_usage', [], ',gen_ai_token_type="input"'),
      },
      {
        title: 'Output tokens of a call',
        unit: 'short',
        targets: quantiles('gen_ai_client_token_usage', [], ',gen_ai_token_type="output"'),
      },
      {
        title: 'Cached and reasoning tokens',
        unit: 'short',
        targets: [
          ...one(
            `sum by (${MODEL.join(', ')}) (rate(gen_ai_client_inference_usage_cache_read_input_tokens_total{@}[$__rate_interval]))`,
            'read from cache {{gen_ai_provider_name}}:{{gen_ai_request_model}}',
          ),
          ...one(
            `sum by (${MODEL.join(', ')}) (rate(gen_ai_client_inference_usage_cache_write_input_tokens_total{@}[$__rate_interval]))`,
            'written to cache {{gen_ai_provider_name}}:{{gen_ai_request_model}}',
          ),
          ...one(
            `sum by (${MODEL.join(', ')}) (rate(gen_ai_client_inference_usage_reasoning_output_tokens_total{@}[$__rate_interval]))`,
            'reasoning {{gen_ai_provider_name}}:{{gen_ai_request_model}}',
          ),
        ],
      },
      {
        title: 'Refused by limits and budgets',
        unit: 'reqps',
        targets: rate('moltbot_limit_refusals_total', ['limit']),
      },
      {
        title: 'Money set aside: open reservations, costs not written',
        unit: 'short',
        targets: [
          ...one('sum(moltbot_budget_reservations_open{@})', 'open'),
          ...one('sum(moltbot_budget_settlements_unwritten{@})', 'not written'),
        ],
      },
      { title: 'Wait for a reservation', unit: 's', targets: quantiles('moltbot_budget_reservation_seconds', []) },
      {
        title: 'Dearer than reserved',
        unit: 'short',
        targets: one('sum(increase(moltbot_budget_overruns_total{@}[$__rate_interval]))', 'requests'),
      },
    ],
  },

  runtime: {
    title: 'MoltBot: runtime',
    panels: [
      {
        title: 'Memory of its limit',
        type: 'gauge',
        unit: 'percentunit',
        targets: one(
          'max by (job, instance) (moltbot_memory_used_bytes{@} / moltbot_memory_limit_bytes{@})',
          '{{instance}}',
        ),
        red: 0.9,
        max: 1,
      },
      {
        title: 'Running since',
        type: 'stat',
        unit: 's',
        targets: one('time() - max by (job, instance) (process_start_time_seconds{@})', '{{instance}}'),
      },
      {
        title: 'Counted over all processes',
        type: 'stat',
        unit: 'short',
        targets: one('min(moltbot_quotas_shared{@})'),
        mappings: { 0: ['each for itself', 'yellow'], 1: ['shared', 'green'] },
      },
      {
        title: 'CPU',
        unit: 'percentunit',
        targets: one('sum by (job, instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))', '{{instance}}'),
      },
      {
        title: 'Memory',
        unit: 'bytes',
        targets: [
          ...one('max by (job, instance) (process_resident_memory_bytes{@})', '{{instance}} resident'),
          ...one('max by (job, instance) (nodejs_heap_size_used_bytes{@})', '{{instance}} heap'),
          ...one('max by (job, instance) (moltbot_memory_limit_bytes{@})', '{{instance}} limit'),
        ],
      },
      {
        title: 'Event loop is late',
        unit: 's',
        targets: one(
          'max by (job, instance, quantile) (moltbot_event_loop_lag_seconds{@})',
          '{{instance}} {{quantile}}',
        ),
      },
      {
        title: 'Garbage collection',
        unit: 'percentunit',
        targets: one(
          'sum by (job, instance) (rate(nodejs_gc_duration_seconds_sum{@}[$__rate_interval]))',
          '{{instance}}',
        ),
      },
      {
        title: 'In flight',
        unit: 'short',
        targets: one('sum by (job, instance) (moltbot_requests_in_flight{@})', '{{instance}}'),
      },
      {
        title: 'Open files',
        unit: 'short',
        targets: one('max by (job, instance) (process_open_fds{@})', '{{instance}}'),
      },
      {
        title: 'Ledger: rows that wait',
        unit: 'short',
        targets: one('sum by (job, instance) (moltbot_usage_rows_buffered{@})', '{{instance}}'),
      },
      {
        title: 'Dropped: ledger rows, audit rows, log lines, spans',
        unit: 'short',
        targets: [
          ...one('sum(increase(moltbot_usage_rows_dropped_total{@}[$__rate_interval]))', 'ledger'),
          ...one('sum(increase(moltbot_audit_rows_dropped_total{@}[$__rate_interval]))', 'audit'),
          ...one('sum by (sink) (increase(moltbot_log_lines_dropped_total{@}[$__rate_interval]))', 'log: {{sink}}'),
          ...one('sum by (reason) (increase(moltbot_spans_dropped_total{@}[$__rate_interval]))', 'spans: {{reason}}'),
          ...one('sum(increase(moltbot_log_lines_shortened_total{@}[$__rate_interval]))', 'shortened for syslog'),
        ],
      },
      {
        title: 'Changes of the configuration',
        unit: 'short',
        targets: one(
          'sum by (job, instance, result) (increase(moltbot_config_reloads_total{@}[$__rate_interval]))',
          '{{instance}} {{result}}',
        ),
      },
      {
        title: 'Clock: providers minus ours',
        unit: 's',
        targets: [
          ...one('max by (job, instance, provider) (moltbot_clock_offset_seconds{@})', '{{provider}} {{instance}}'),
          ...one(
            'max by (job, instance, provider) (moltbot_clock_offset_uncertainty_seconds{@})',
            '± {{provider}} {{instance}}',
          ),
        ],
      },
    ],
  },
};
