import type { JsonObject } from '../caller-request.js';
import { demoAnswer } from './demo-answer.js';
import type { DemoDirectives } from './directives.js';
import type { EmittedError } from './emitter.js';
import { brokenJson } from './event-text.js';
import { openAiChatEmitter } from './openai-chat-emitter.js';
import type { PerformFault, RespondAction, UpstreamAction } from './upstream-action.js';

const KEEP_ALIVE_MS = 1_000;
const DEFAULT_RATE_MS = 5;

export interface DemoCall {
  readonly model: string;
  readonly directives: DemoDirectives;
  readonly body: JsonObject;
  readonly inputTokens: number;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What the demo does with a chat request: the first fault that its directives and the request call for, else an answer. */
export function demoChatAction(call: DemoCall): UpstreamAction {
  const fault = demoFault(call) ?? requestFault(call) ?? emptyAnswer(call);
  if (fault !== undefined) return fault;
  const { directives } = call;
  const { parts, reason } = demoAnswer(call);
  const outputTokens = parts.length;
  const reasoningTokens = parts.filter((part) => part.type === 'reasoning-delta').length;
  return {
    type: 'perform',
    parts,
    end: { reason, usage: { inputTokens: call.inputTokens, outputTokens, reasoningTokens, source: 'provider' } },
    intervalMs: directives.rate ?? DEFAULT_RATE_MS,
    firstContentDelayMs: directives.slow ?? 0,
    keepAliveMs: KEEP_ALIVE_MS,
    fault: performFault(directives),
    ending: directives['no-end'] ? 'no-finish' : directives['no-done'] ? 'no-end-marker' : 'complete',
  };
}

/** The faults that strike any kind of request: those before an answer. */
export function demoFault({ directives, model, now }: DemoCall): UpstreamAction | undefined {
  if (directives.reset) return { type: 'reset', at: 'before-headers' };
  if (directives['reset-mid-headers']) return { type: 'reset', at: 'in-headers' };
  if (directives.silence) return { type: 'silence', at: 'before-headers' };
  const seconds = directives['retry-after'];
  const ms = directives['retry-after-ms'];
  const ahead = directives['retry-after-date'];
  const hinted = seconds !== undefined || ms !== undefined || ahead !== undefined;
  const status = directives.status ?? (hinted || directives.code !== undefined ? 429 : undefined);
  if (status === undefined) return undefined;
  return refusal(
    { status, code: directives.code, message: `Simulated failure ${status} of the demo model ${model}.` },
    {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds / 1_000) }),
      ...(ms === undefined ? {} : { 'retry-after-ms': String(ms) }),
      ...(ahead === undefined ? {} : { 'retry-after': new Date(now + ahead).toUTCString() }),
    },
  );
}

/** An error answer in OpenAI's dialect. */
export function refusal(error: EmittedError, headers: Readonly<Record<string, string>> = {}): RespondAction {
  return json(error.status, openAiChatEmitter.error(error), headers);
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): RespondAction {
  return {
    type: 'respond',
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  };
}

function requestFault({ body, directives, inputTokens }: DemoCall): UpstreamAction | undefined {
  if (directives['no-prefill'] && openAiChatEmitter.turns(body).at(-1)?.role === 'assistant') {
    return refusal({
      status: 400,
      param: 'messages',
      message:
        'Simulated refusal: this model does not continue an assistant message; the last message must be the user’s.',
    });
  }
  if (directives.filter) {
    return refusal({
      status: 400,
      code: 'content_filter',
      param: 'prompt',
      message: 'Simulated refusal: the content was filtered by the provider’s policy.',
    });
  }
  const limit = directives.context;
  if (limit === undefined || inputTokens <= limit) return undefined;
  return refusal({
    status: 400,
    code: 'context_length_exceeded',
    param: 'messages',
    message: `Simulated refusal: this model’s context holds ${limit} tokens and the messages have about ${inputTokens}.`,
  });
}

/** The four kinds of a 200 that is no answer. */
function emptyAnswer({ body, directives }: DemoCall): UpstreamAction | undefined {
  if (directives.html) {
    return {
      type: 'respond',
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: '<!doctype html><html><head><title>Sign in</title></head><body>Simulated gateway page</body></html>',
    };
  }
  if (directives.empty) {
    const type = body['stream'] === true ? 'text/event-stream' : 'application/json';
    return { type: 'respond', status: 200, headers: { 'content-type': type }, body: '' };
  }
  if (directives['error-200']) {
    return json(200, openAiChatEmitter.error({ status: 500, message: 'Simulated error in a 200.' }));
  }
  if (!directives['half-json']) return undefined;
  const text = brokenJson({ object: 'chat.completion', simulated: true, choices: [{ index: 0, message: {} }] });
  return { type: 'respond', status: 200, headers: { 'content-type': 'application/json' }, body: text };
}

function performFault(directives: DemoDirectives): PerformFault | undefined {
  for (const type of ['cut', 'stall', 'malformed'] as const) {
    const after = directives[type];
    if (after !== undefined) return { type, after };
  }
  const after = directives['error-event'];
  if (after === undefined) return undefined;
  return { type: 'error-event', after, error: { status: 500, message: 'Simulated error in the stream.' } };
}
