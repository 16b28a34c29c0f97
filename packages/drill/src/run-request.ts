import { setTimeout as pause } from 'node:timers/promises';
import type { AttemptRecord, FinishReason, StreamPart } from '@moltbot/contracts';
import { MoltbotError } from '@moltbot/contracts';
import {
  type CallerRequest,
  type ChainPlan,
  createCallerRequest,
  type FailoverEngine,
  openAiChatDoor,
} from '@moltbot/providers';
import type { Observation } from './observation.js';
import type { DrillMode } from './rows.js';

export interface RunRequestOptions {
  readonly engine: FailoverEngine;
  readonly plan: ChainPlan;
  readonly mode: DrillMode;
  readonly requestId: string;
  /** Told by the engine's observer; filled while the request runs. */
  readonly attempts: readonly AttemptRecord[];
  /** The drill itself ends. */
  readonly signal: AbortSignal;
  /** The caller goes away. */
  readonly gone?: AbortSignal | undefined;
}

/** Beyond the deadline of the request, which has to end it. */
const HUNG_AFTER_MS = 15_000;
/** The last record of a stream is written as it is closed. */
const SETTLE_MS = 20;

/** One request of one caller, taken to its end. @throws the signal's reason */
export async function runRequest(options: RunRequestOptions): Promise<Observation> {
  const { plan, signal } = options;
  const hung = new AbortController();
  const timer = setTimeout(() => hung.abort(), plan.timeouts.total + HUNG_AFTER_MS);
  const started = performance.now();
  const shown = { text: '', finish: undefined as FinishReason | undefined };
  let end: Observation['end'];
  try {
    const callSignal = AbortSignal.any([signal, hung.signal, ...(options.gone === undefined ? [] : [options.gone])]);
    end =
      options.mode === 'stream' ? await stream(options, callSignal, shown) : await whole(options, callSignal, shown);
  } catch (error) {
    signal.throwIfAborted();
    if (hung.signal.aborted) end = { type: 'hung' };
    else if (error instanceof MoltbotError) end = { type: 'error', code: error.code, begun: shown.text !== '' };
    else throw error;
  } finally {
    clearTimeout(timer);
  }
  const durationMs = performance.now() - started;
  await pause(SETTLE_MS);
  const attempts = options.attempts.toSorted((first, second) => first.index - second.index);
  return { attempts, ...shown, end, durationMs };
}

interface Shown {
  text: string;
  finish: FinishReason | undefined;
}

async function stream(options: RunRequestOptions, signal: AbortSignal, shown: Shown): Promise<Observation['end']> {
  const served = await options.engine.stream({ call: requestOf(options), plan: options.plan, signal });
  for await (const { parts } of served.frames) for (const part of parts) take(part, shown);
  const result = served.result();
  return {
    type: 'complete',
    answeredBy: result.spans.at(-1)?.target ?? served.model.ref,
    costMicros: result.costMicros,
  };
}

function take(part: StreamPart, shown: Shown): void {
  if (part.type === 'text-delta' && part.choice === 0) shown.text += part.text;
  if (part.type === 'finish') shown.finish = part.reason;
}

async function whole(options: RunRequestOptions, signal: AbortSignal, shown: Shown): Promise<Observation['end']> {
  const served = await options.engine.answer({ call: requestOf(options), plan: options.plan, signal });
  const answer = served.answer.answer();
  shown.text = answer.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  shown.finish = answer.finishReason;
  return { type: 'complete', answeredBy: served.model.ref, costMicros: served.costMicros };
}

function requestOf({ requestId, mode }: RunRequestOptions): CallerRequest {
  const body = {
    model: 'default',
    messages: [{ role: 'user', content: 'What do my users see when a model fails?' }],
    ...(mode === 'stream' && { stream: true, stream_options: { include_usage: true } }),
  };
  return createCallerRequest({ requestId, door: openAiChatDoor, bytes: Buffer.from(JSON.stringify(body)) });
}
