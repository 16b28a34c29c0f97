import type { JsonObject } from '../caller-request.js';
import type { DialectEmitter, Turn } from '../demo/emitter.js';
import { brokenJson } from '../demo/event-text.js';
import { estimateTokens } from '../demo/tokens.js';
import type { PerformAction, RespondAction, UpstreamAction } from '../demo/upstream-action.js';
import { type Behaviour, SCRIPTED_TEXT, type ScriptedAnswer } from './behaviour.js';
import { toEnd, toParts } from './scripted-parts.js';

const KEEP_ALIVE_MS = 20;

export interface ToActionOptions {
  readonly behaviour: Behaviour;
  readonly emitter: DialectEmitter;
  readonly turns: readonly Turn[];
  readonly stream: boolean;
  /** The body of a good answer where the route is no chat. */
  readonly whole: JsonObject | undefined;
}

/** The answer that a behaviour gives, where it gives one. */
export function scriptedAnswer(behaviour: Behaviour): ScriptedAnswer {
  return ('answer' in behaviour ? behaviour.answer : undefined) ?? {};
}

/** A scripted behaviour as what is done on the socket, in the request's dialect. */
export function toAction(options: ToActionOptions): UpstreamAction {
  const { behaviour, emitter, turns } = options;
  switch (behaviour.type) {
    case 'answer':
      return perform(options, {});
    case 'status': {
      const { body, delayMs, error, headers = {}, status } = behaviour;
      const said = body ?? emitter.error({ message: `Scripted failure ${status}.`, ...error, status });
      return { ...jsonBody(status, said, headers), delayMs };
    }
    case 'raw':
      return {
        type: 'respond',
        status: behaviour.status ?? 200,
        headers: behaviour.headers ?? {
          'content-type': options.stream ? 'text/event-stream; charset=utf-8' : 'application/json',
        },
        body: behaviour.body,
        delayMs: behaviour.delayMs,
      };
    case 'reset':
      return { type: 'reset', at: 'before-headers' };
    case 'reset-in-headers':
      return { type: 'reset', at: 'in-headers' };
    case 'silence':
      return { type: 'silence', at: 'before-headers' };
    case 'headers-then-silence':
      return { type: 'silence', at: 'after-headers' };
    case 'slow-first-content':
      return perform(options, {
        firstContentDelayMs: behaviour.delayMs,
        keepAliveMs: behaviour.keepAliveMs ?? KEEP_ALIVE_MS,
      });
    case 'cut':
    case 'stall':
    case 'malformed':
      return perform(options, { fault: { type: behaviour.type, after: behaviour.after } });
    case 'error-event': {
      const error = { status: 500, message: 'Scripted error in the stream.', ...behaviour.error };
      return perform(options, { fault: { type: 'error-event', after: behaviour.after, error } });
    }
    case 'no-finish':
      return perform(options, { ending: 'no-finish' });
    case 'no-end-marker':
      return perform(options, { ending: 'no-end-marker' });
    case 'html':
      return {
        type: 'respond',
        status: 200,
        headers: { 'content-type': 'text/html; charset=utf-8' },
        body: '<!doctype html><html><body>Sign in to the network</body></html>',
      };
    case 'empty':
      return jsonBody(200, '', options.stream ? { 'content-type': 'text/event-stream' } : {});
    case 'error-200':
      return jsonBody(200, emitter.error({ status: 500, message: 'Scripted error in a 200.', ...behaviour.error }));
    case 'half-json':
      return jsonBody(
        200,
        brokenJson({ object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant' } }] }),
      );
    case 'refuse-prefill': {
      const prefilled = turns.at(-1)?.role === 'assistant';
      const refusal: Behaviour = {
        type: 'status',
        status: 400,
        error: { message: 'This model does not support prefill.' },
      };
      return toAction({ ...options, behaviour: prefilled ? refusal : (behaviour.otherwise ?? { type: 'answer' }) });
    }
    case 'continue':
      return perform(options, {}, { ...behaviour.answer, text: remaining(behaviour.answer?.text, turns) });
    case 'echo':
      return perform(
        options,
        {},
        {
          ...behaviour.answer,
          text: turns.findLast((turn) => turn.role === 'user')?.text ?? '',
        },
      );
  }
}

function perform(
  { behaviour, turns, whole }: ToActionOptions,
  changes: Partial<PerformAction>,
  answer = scriptedAnswer(behaviour),
): PerformAction {
  const parts = toParts(answer);
  const paced = 'intervalMs' in behaviour ? behaviour.intervalMs : undefined;
  return {
    type: 'perform',
    parts,
    end: toEnd(answer, parts, inputTokens(turns)),
    whole,
    intervalMs: paced ?? 0,
    headersDelayMs: 'headersDelayMs' in behaviour ? behaviour.headersDelayMs : undefined,
    firstContentDelayMs: 0,
    keepAliveMs: KEEP_ALIVE_MS,
    fault: undefined,
    ending: 'complete',
    ...changes,
  };
}

/** The text after what the last assistant message holds; all of it where that is no beginning of it. */
function remaining(text: ScriptedAnswer['text'], turns: readonly Turn[]): string {
  const whole = typeof text === 'string' ? text : (text?.join('') ?? SCRIPTED_TEXT);
  const said = turns.findLast((turn) => turn.role === 'assistant')?.text ?? '';
  return whole.startsWith(said) ? whole.slice(said.length) : whole;
}

/** As the scripted upstream counts a request's tokens: characters / 4 of each turn. */
export function inputTokens(turns: readonly Turn[]): number {
  return turns.reduce((sum, turn) => sum + estimateTokens(turn.text), 0);
}

function jsonBody(
  status: number,
  body: JsonObject | string,
  headers: Readonly<Record<string, string>> = {},
): RespondAction {
  return {
    type: 'respond',
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
