import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { countAttempt } from './count-attempt.js';
import { countRequest } from './count-request.js';
import { createMetrics, type Metrics } from './metrics.js';
import { watchCredentials } from './watch-credentials.js';
import { type WatchedTarget, watchTargets } from './watch-targets.js';

let metrics: Metrics;

beforeEach(() => {
  metrics = createMetrics({ role: 'primary', version: '1.2.3' });
});

afterEach(() => {
  metrics.close();
});

/** Those that are not zero. */
async function lines(pattern: RegExp): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => pattern.test(line) && !/_total\{.*\} 0$/.test(line));
}

const usage = { inputTokens: 100, outputTokens: 11, cachedInputTokens: 40, cacheWriteTokens: 7, reasoningTokens: 3 };

describe('a call to a model service', () => {
  it('is counted under the names of OpenTelemetry’s conventions, without an error where it went well', async () => {
    countAttempt(metrics, {
      provider: 'openai',
      model: 'm',
      outcome: 'ok',
      durationMs: 900,
      firstContentMs: 300,
      longestGapMs: 80,
      usage,
      costMicros: 42,
    });
    const call = 'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="m"';
    expect(await lines(/^(gen_ai_client|moltbot_(attempts|cost|content)).*(_sum|_count|_total)\{/)).toEqual([
      `gen_ai_client_operation_duration_seconds_sum{${call}} 0.9`,
      `gen_ai_client_operation_duration_seconds_count{${call}} 1`,
      `gen_ai_client_operation_time_to_first_chunk_seconds_sum{${call}} 0.3`,
      `gen_ai_client_operation_time_to_first_chunk_seconds_count{${call}} 1`,
      `gen_ai_client_token_usage_sum{${call},gen_ai_token_type="input"} 100`,
      `gen_ai_client_token_usage_count{${call},gen_ai_token_type="input"} 1`,
      `gen_ai_client_token_usage_sum{${call},gen_ai_token_type="output"} 11`,
      `gen_ai_client_token_usage_count{${call},gen_ai_token_type="output"} 1`,
      `gen_ai_client_inference_usage_cache_read_input_tokens_total{${call}} 40`,
      `gen_ai_client_inference_usage_cache_write_input_tokens_total{${call}} 7`,
      `gen_ai_client_inference_usage_reasoning_output_tokens_total{${call}} 3`,
      'moltbot_cost_micros_total{provider="openai",model="m"} 42',
      'moltbot_attempts_total{provider="openai",model="m",outcome="ok"} 1',
      'moltbot_content_gap_seconds_sum{provider="openai",model="m"} 0.08',
      'moltbot_content_gap_seconds_count{provider="openai",model="m"} 1',
    ]);
  });

  it('names the kind of its failure, and counts no output of embeddings', async () => {
    countAttempt(metrics, {
      operation: 'embeddings',
      provider: 'p',
      model: 'm',
      outcome: 'overloaded',
      durationMs: 1,
      usage: { inputTokens: 5, outputTokens: 0 },
    });
    expect(await lines(/_duration_seconds_count/)).toContain(
      'gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="embeddings",gen_ai_provider_name="p",gen_ai_request_model="m",error_type="overloaded"} 1',
    );
    expect(await lines(/gen_ai_token_type="output"/)).toEqual([]);
  });
});

describe('an ended request', () => {
  const stream = {
    operation: 'chat',
    dialect: 'openai-chat',
    outcome: 'rescued',
    servedBy: 'openai:a:b',
    stream: true,
    durationMs: 2_000,
    firstContentMs: 1_000,
    streamEnd: 'joined',
    usage,
  };

  it('tells what its caller saw: the whole time, the first token and the mean time between tokens', async () => {
    countRequest(metrics, stream, false);
    const answer = 'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_response_model="a:b"';
    expect(await lines(/^(gen_ai_server|moltbot_(requests|stream)).*(_sum|_total)\{/)).toEqual([
      `gen_ai_server_request_duration_seconds_sum{${answer},stream="true"} 2`,
      `gen_ai_server_time_to_first_token_seconds_sum{${answer}} 1`,
      `gen_ai_server_time_per_output_token_seconds_sum{${answer}} 0.1`,
      'moltbot_requests_total{operation="chat",dialect="openai-chat",outcome="rescued"} 1',
      'moltbot_stream_outcomes_total{outcome="joined"} 1',
    ]);
  });

  it('is refused where its caller is at fault, and has no model where none answered', async () => {
    const failed = {
      ...stream,
      outcome: 'failed',
      servedBy: undefined,
      streamEnd: undefined,
      firstContentMs: undefined,
    };
    countRequest(metrics, { ...failed, errorCode: 'invalid_request' }, true);
    countRequest(metrics, { ...failed, errorCode: 'upstream_error' }, false);
    expect(await lines(/^moltbot_(requests|stream).*_total\{|^gen_ai_server_request_duration_seconds_count/)).toEqual([
      'gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",stream="true",error_type="invalid_request"} 1',
      'gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",stream="true",error_type="upstream_error"} 1',
      'moltbot_requests_total{operation="chat",dialect="openai-chat",outcome="refused"} 1',
      'moltbot_requests_total{operation="chat",dialect="openai-chat",outcome="failed"} 1',
      'moltbot_stream_outcomes_total{outcome="refused"} 1',
      'moltbot_stream_outcomes_total{outcome="failed"} 1',
    ]);
  });
});

describe('what is watched', () => {
  it('shows with each scrape how the targets of chains stand, and forgets a chain that is gone', async () => {
    const targets: WatchedTarget[] = [
      { ref: 'a:1', circuit: 'open', payable: true },
      { ref: 'b:1', circuit: 'closed', payable: false },
      { ref: 'c:1', circuit: 'closed', payable: true },
    ];
    let chains = [
      { name: 'default', targets },
      { name: 'cheap', targets: targets.slice(0, 2) },
    ];
    const stop = watchTargets({
      metrics,
      chains: () => chains,
      retriesLeft: () => 9,
      clocks: () => [{ provider: 'a', offsetMs: -1_500, uncertaintyMs: 500 }],
    });
    expect(await lines(/^moltbot_(chain|breaker_state|retry|clock)/)).toEqual([
      'moltbot_chain_targets{chain="default"} 3',
      'moltbot_chain_targets{chain="cheap"} 2',
      'moltbot_chain_targets_callable{chain="default"} 1',
      'moltbot_chain_targets_callable{chain="cheap"} 0',
      'moltbot_breaker_state{target="a:1"} 2',
      'moltbot_breaker_state{target="b:1"} 0',
      'moltbot_breaker_state{target="c:1"} 0',
      'moltbot_retry_budget_remaining 9',
      'moltbot_clock_offset_seconds{provider="a"} -1.5',
      'moltbot_clock_offset_uncertainty_seconds{provider="a"} 0.5',
    ]);
    chains = chains.slice(0, 1);
    expect(await lines(/^moltbot_chain_targets\{/)).toEqual(['moltbot_chain_targets{chain="default"} 3']);
    chains = [{ name: 'default', targets: targets.slice(1) }];
    expect(await lines(/^moltbot_breaker_state\{/)).toEqual([
      'moltbot_breaker_state{target="b:1"} 0',
      'moltbot_breaker_state{target="c:1"} 0',
    ]);
    stop();
  });

  it('shows what the store knows of credentials; one that is away changes nothing', async () => {
    const watch = watchCredentials(metrics, async () => [
      { id: 'openai', state: 'expiring', expiresAt: 60_000 },
      { id: 'anthropic', state: 'revoked' },
    ]);
    const away = watchCredentials(metrics, async () => Promise.reject(new Error('away')));
    await new Promise((done) => setImmediate(done));
    expect(await lines(/^moltbot_credential_(usable|expires)[a-z_]*\{/)).toEqual([
      'moltbot_credential_expires_timestamp_seconds{credential="openai"} 60',
      'moltbot_credential_usable{credential="openai"} 1',
      'moltbot_credential_usable{credential="anthropic"} 0',
    ]);
    expect([...watch.unusable]).toEqual(['anthropic']);
    expect([...away.unusable]).toEqual([]);
    watch.stop();
    away.stop();
  });

  it('forgets what was known of one that has left auth.json', async () => {
    jest.useFakeTimers();
    let ids = ['openai', 'old'];
    const watch = watchCredentials(metrics, async () => ids.map((id) => ({ id, state: 'ok' })));
    await jest.advanceTimersByTimeAsync(0);
    metrics.credentialState.set({ credential: 'old' }, 0);
    metrics.credentialState.set({ credential: 'openai' }, 0);
    ids = ['openai'];
    await jest.advanceTimersByTimeAsync(30_000);
    watch.stop();
    jest.useRealTimers();
    expect(await lines(/^moltbot_credential_state\{/)).toEqual(['moltbot_credential_state{credential="openai"} 0']);
  });
});
