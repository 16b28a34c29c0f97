import type { MetricRow } from './metric-row.js';

/** Of the conventions; the last ones are ours: answers take longer than they foresee. */
const OPERATION_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
] as const;
const FIRST_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30, 60,
] as const;
const BETWEEN_SECONDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5] as const;
const TOKENS = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
] as const;

/** Calls: what was asked for is a model of the configuration. */
const CALL = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'] as const;
/** Answers: what callers asked for is their text, what answered is a model of the configuration. */
const ANSWER = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_response_model'] as const;

/**
 * The names of OpenTelemetry's conventions for generative AI (all at "Development"; read in November 2026), as Prometheus
 * writes them. `client`: MoltBot's calls to model services. `server`: what MoltBot's own callers got.
 */
export const GEN_AI_METRICS = {
  requestDuration: {
    name: 'gen_ai_server_request_duration_seconds',
    type: 'histogram',
    help: 'From the whole request to the end of its answer, as the caller saw it, whoever was tried before.',
    labels: [...ANSWER, 'stream', 'error_type'],
    optional: ['gen_ai_provider_name', 'gen_ai_response_model', 'error_type'],
    buckets: OPERATION_SECONDS,
  },
  firstToken: {
    name: 'gen_ai_server_time_to_first_token_seconds',
    type: 'histogram',
    help: 'From the request to the first content of a streamed answer, as the caller saw it, whoever was tried before.',
    labels: ANSWER,
    optional: ['gen_ai_provider_name', 'gen_ai_response_model'],
    buckets: FIRST_SECONDS,
  },
  tokenGap: {
    name: 'gen_ai_server_time_per_output_token_seconds',
    type: 'histogram',
    help: 'Mean time between two tokens of a streamed answer after its first, once per answer.',
    labels: ANSWER,
    optional: ['gen_ai_provider_name', 'gen_ai_response_model'],
    buckets: BETWEEN_SECONDS,
  },
  attemptDuration: {
    name: 'gen_ai_client_operation_duration_seconds',
    type: 'histogram',
    help: 'From a call to a model service to its end; `error_type`: the kind of failure.',
    labels: [...CALL, 'error_type'],
    optional: ['error_type'],
    buckets: OPERATION_SECONDS,
  },
  firstChunk: {
    name: 'gen_ai_client_operation_time_to_first_chunk_seconds',
    type: 'histogram',
    help: 'From a call to a model service to the first content of its stream.',
    labels: CALL,
    buckets: FIRST_SECONDS,
  },
  tokenUsage: {
    name: 'gen_ai_client_token_usage',
    type: 'histogram',
    help: 'Tokens of a call: input (cached ones included) and output (reasoning included), as reported or estimated.',
    labels: [...CALL, 'gen_ai_token_type'],
    buckets: TOKENS,
  },
  cachedTokens: {
    name: 'gen_ai_client_inference_usage_cache_read_input_tokens_total',
    type: 'counter',
    help: 'Input tokens that were read from the provider’s cache; part of input.',
    labels: CALL,
  },
  cacheWriteTokens: {
    name: 'gen_ai_client_inference_usage_cache_write_input_tokens_total',
    type: 'counter',
    help: 'Input tokens that were written to the provider’s cache, where it says so; part of input.',
    labels: CALL,
  },
  reasoningTokens: {
    name: 'gen_ai_client_inference_usage_reasoning_output_tokens_total',
    type: 'counter',
    help: 'Output tokens that a model spent on reasoning; part of output.',
    labels: CALL,
  },
} as const satisfies Record<string, MetricRow>;
