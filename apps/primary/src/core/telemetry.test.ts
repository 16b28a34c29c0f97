import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestRecord } from '@moltbot/contracts';
import { createLogger, createMetrics, type Metrics } from '@moltbot/observability';
import { createTelemetry, type Telemetry } from './telemetry.js';

let metrics: Metrics;
let telemetry: Telemetry;
let log: string;

beforeEach(() => {
  log = '';
  metrics = createMetrics({ role: 'primary', version: '1' });
  const console = new PassThrough().on('data', (text: Buffer) => {
    log += text.toString();
  });
  const logger = createLogger({ role: 'primary', format: 'json', console });
  telemetry = createTelemetry({ logger, metrics });
});

afterEach(() => {
  metrics.close();
});

async function lines(pattern: RegExp): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => pattern.test(line));
}

const record: RequestRecord = {
  requestId: 'req_1',
  startedAt: 0,
  durationMs: 1_000,
  operation: 'chat',
  dialect: 'openai-chat',
  chain: 'default',
  stream: true,
  outcome: 'failed',
  attempts: 0,
};

describe('a primary’s telemetry', () => {
  it('counts accepted messages without an account: rows of requests that were dropped, and requests without an end', async () => {
    telemetry.storageEvent({ type: 'usage-dropped', count: 5, requests: 2, reason: 'full' });
    telemetry.storageEvent({ type: 'audit-dropped', count: 3, reason: 'full' });
    telemetry.requestLost('req_7');
    expect(await lines(/^moltbot_(messages_unaccounted|usage_rows_dropped|audit_rows_dropped)_total/)).toEqual([
      'moltbot_messages_unaccounted_total{why="ledger"} 2',
      'moltbot_messages_unaccounted_total{why="open"} 1',
      'moltbot_usage_rows_dropped_total 5',
      'moltbot_audit_rows_dropped_total 3',
    ]);
    expect(log).toContain('req_7');
  });

  it('shows costs that wait for the database', async () => {
    telemetry.limiterObserver({ stats: () => ({ open: 4, unwritten: 9 }) });
    expect(await lines(/^moltbot_budget_(reservations_open|settlements_unwritten) /)).toEqual([
      'moltbot_budget_reservations_open 4',
      'moltbot_budget_settlements_unwritten 9',
    ]);
  });

  it('tells what the caller did wrong from what we did', async () => {
    for (const errorCode of ['invalid_request', 'model_not_found', 'rate_limited', 'upstream_error', 'overloaded']) {
      telemetry.requestBegan();
      telemetry.requestEnded({ ...record, errorCode });
    }
    expect(await lines(/^moltbot_requests_total\{.*dialect="openai-chat".* [1-9]/)).toEqual([
      'moltbot_requests_total{operation="chat",dialect="openai-chat",outcome="refused"} 2',
      'moltbot_requests_total{operation="chat",dialect="openai-chat",outcome="failed"} 3',
    ]);
    expect(await lines(/^moltbot_requests_in_flight /)).toEqual(['moltbot_requests_in_flight 0']);
  });
});
