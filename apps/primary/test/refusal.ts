import { setTimeout as sleepFor } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { PrimaryProcess } from './primary-process.js';
import { parseAnswer } from './raw-client.js';

/** The smallest good request of both dialects. */
export const good = { model: 'default', max_tokens: 5, messages: [{ role: 'user', content: 'Hi' }] };

/** A good request of the other dialects, in the words that differ at the door of responses. */
export function inWordsOf(door: string, text: string): string {
  if (door !== '/v1/responses') return text;
  return text.replaceAll('"messages"', '"input"').replaceAll('"max_tokens"', '"max_output_tokens"');
}

export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** Our code, or Anthropic's type. */
  readonly code: string;
  readonly param: unknown;
}

/** An error as the door’s dialect says it; fails where it says it otherwise. */
export function readRefusal(
  door: string,
  answer: { status: number; headers: { get(name: string): string | null }; text: string },
): Refusal {
  expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.headers.get('x-should-retry')).toMatch(/^(true|false)$/);
  const body = JSON.parse(answer.text) as {
    type?: string;
    request_id?: string;
    error: { message: string; type: string; code?: string; param?: unknown };
  };
  expect(body.error.message).toEqual(expect.any(String));
  expect(body.error.type).toEqual(expect.any(String));
  if (door.startsWith('/v1/messages')) {
    expect(body).toMatchObject({ type: 'error', request_id: answer.headers.get('x-request-id') });
    return { status: answer.status, message: body.error.message, code: body.error.type, param: undefined };
  }
  return {
    status: answer.status,
    message: body.error.message,
    code: String(body.error.code),
    param: body.error.param,
  };
}

export async function refusalOf(door: string, answer: Response): Promise<Refusal> {
  return readRefusal(door, { status: answer.status, headers: answer.headers, text: await answer.text() });
}

export function rawRefusal(door: string, text: string): Refusal {
  const { status, headers, body } = parseAnswer(text);
  return readRefusal(door, { status, headers: new Headers(headers), text: body });
}

/** What a healthy process does after any bad request: it answers the next one, and counts nothing as still running. */
export async function expectUnharmed(primary: PrimaryProcess): Promise<void> {
  const answer = await fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(good),
  });
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
  await expectIdle(primary);
}

export async function expectIdle(primary: PrimaryProcess): Promise<void> {
  await expectMetric(primary, { name: 'moltbot_requests_in_flight', value: (value) => value === 0 });
}

/** Waits up to 3 s until a metric (the sum of the series whose labels hold all of `labels`) is as it should be. */
export async function expectMetric(
  primary: PrimaryProcess,
  expected: {
    readonly name: string;
    readonly labels?: readonly string[];
    readonly value: (value: number) => boolean;
  },
): Promise<void> {
  let lines: string[] = [];
  for (const until = performance.now() + 3_000; performance.now() < until; await sleepFor(40)) {
    const text = await (await fetch(`${primary.opsUrl}/metrics`)).text();
    lines = text
      .split('\n')
      .filter((line) => line.startsWith(expected.name) && /^[{ ]/.test(line.slice(expected.name.length)));
    const matching = lines.filter((line) => (expected.labels ?? []).every((label) => line.includes(label)));
    if (expected.value(matching.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0))) return;
  }
  throw new Error(`${expected.name} is not as expected:\n${lines.join('\n')}`);
}
