import type { FinishReason } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import { withContinuation } from '../continuation.js';
import { demoTokens } from './demo-text.js';
import type { DemoDirectives } from './directives.js';
import type { ContentPart, Turn } from './emitter.js';
import { openAiChatEmitter } from './openai-chat-emitter.js';
import { sampleJson } from './sample-json.js';
import { toTokens } from './tokens.js';

/** What a healthy demo model says to a chat request, part by part. */
export function demoAnswer({ body, directives }: { readonly body: JsonObject; readonly directives: DemoDirectives }): {
  readonly parts: readonly ContentPart[];
  readonly reason: FinishReason;
} {
  const turns = openAiChatEmitter.turns(body);
  const calls = directives.tool === undefined ? [] : toolCalls({ body, turns, count: directives.tool });
  if (calls.length > 0) return { parts: calls, reason: 'tool-calls' };
  if (directives.refuse) {
    const text = '[SIMULATED] This demo model was told to decline, so it declines.';
    return { parts: toTokens(text).map((text) => ({ type: 'refusal-delta', choice: 0, text })), reason: 'refusal' };
  }
  const reasoning = demoTokens('', directives.reasoning ?? 0);
  const { reason, tokens } = limited(body, answerTokens({ body, turns, length: directives.tokens }));
  return {
    parts: [
      ...reasoning.map((text) => ({ type: 'reasoning-delta', choice: 0, text }) as const),
      ...tokens.map((text) => ({ type: 'text-delta', choice: 0, text }) as const),
    ],
    reason,
  };
}

interface AnswerOptions {
  readonly body: JsonObject;
  readonly turns: readonly Turn[];
  readonly length: number | undefined;
}

function answerTokens({ body, length, turns }: AnswerOptions): readonly string[] {
  const schema = requestedSchema(body);
  if (schema !== undefined)
    return toTokens(JSON.stringify(schema === 'any' ? { simulated: true } : sampleJson(schema)));
  const last = turns.at(-1);
  if (last?.role === 'tool') {
    return toTokens(`[SIMULATED] The tool answered: ${last.text.slice(0, 200)}`).slice(0, length);
  }
  return continued({ turns, length }) ?? demoTokens(last?.text ?? '', length);
}

/**
 * The rest of an answer that broke off: where the conversation ends in the beginning of the demo's own answer, or in that and
 * a user turn that asks to go on. The beginning may end within a token.
 */
function continued({ length, turns }: Omit<AnswerOptions, 'body'>): readonly string[] | undefined {
  const last = turns.at(-1);
  const prefilled = last?.role === 'assistant';
  const at = prefilled ? turns.length - 1 : turns.length - 2;
  const partial = turns[at];
  if (partial?.role !== 'assistant' || partial.text === '') return undefined;
  if (!prefilled && !asksToGoOn(last?.text ?? '', partial.text)) return undefined;
  const question = turns.slice(0, at).findLast((turn) => turn.role === 'user');
  const tokens = demoTokens(question?.text ?? '', length);
  const whole = tokens.join('');
  const isBeginning = whole.startsWith(partial.text) && (prefilled || partial.text.length < whole.length);
  if (!isBeginning) return prefilled ? tokens : undefined;
  let position = 0;
  const rest: string[] = [];
  for (const token of tokens) {
    const seen = Math.max(0, Math.min(token.length, partial.text.length - position));
    if (seen < token.length) rest.push(token.slice(seen));
    position += token.length;
  }
  return rest;
}

/** MoltBot's own ask, or a person's. Any other turn after half an answer is a new question. */
function asksToGoOn(ask: string, partial: string): boolean {
  if (/^\s*(?:please\s+)?(?:continue|go on|carry on)\b|^\s*请?(?:继续|接着)/i.test(ask)) return true;
  const own = withContinuation({ messages: [], unknownFields: [] }, { rung: 'continue', text: partial });
  const [part] = own.messages.at(-1)?.content ?? [];
  return part?.type === 'text' && part.text === ask;
}

/** The caller's own limits: a number of tokens, stop sequences. */
function limited(
  body: JsonObject,
  tokens: readonly string[],
): { readonly tokens: readonly string[]; readonly reason: FinishReason } {
  const given: unknown = body['max_completion_tokens'] ?? body['max_tokens'];
  const limit = typeof given === 'number' && given >= 1 ? Math.floor(given) : Infinity;
  const stops = (Array.isArray(body['stop']) ? (body['stop'] as unknown[]) : [body['stop']]).filter(
    (stop): stop is string => typeof stop === 'string' && stop !== '',
  );
  const text = tokens.join('');
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  const stopped = found.length === 0 ? tokens : toTokens(text.slice(0, Math.min(...found)));
  return stopped.length > limit
    ? { tokens: stopped.slice(0, limit), reason: 'length' }
    : { tokens: stopped, reason: 'stop' };
}

function requestedSchema(body: JsonObject): unknown {
  const format = body['response_format'];
  if (typeof format !== 'object' || format === null) return undefined;
  const { json_schema: wrapper, type } = format as JsonObject;
  if (type === 'json_object') return 'any';
  if (type !== 'json_schema' || typeof wrapper !== 'object' || wrapper === null) return undefined;
  return (wrapper as JsonObject)['schema'] ?? 'any';
}

/** Calls of the first tools given, with arguments made from their schemas; none once a tool has answered. */
function toolCalls(options: {
  readonly body: JsonObject;
  readonly turns: readonly Turn[];
  readonly count: number;
}): readonly ContentPart[] {
  const { body, count, turns } = options;
  const tools = (Array.isArray(body['tools']) ? (body['tools'] as unknown[]) : []).flatMap((tool): JsonObject[] => {
    const definition = (tool as JsonObject | null)?.['function'];
    return typeof definition === 'object' && definition !== null ? [{ ...definition }] : [];
  });
  if (tools.length === 0 || body['tool_choice'] === 'none' || turns.at(-1)?.role === 'tool') return [];
  return Array.from({ length: count }, (_, index): ContentPart[] => {
    const tool = tools[index % tools.length] ?? {};
    const name = typeof tool['name'] === 'string' ? tool['name'] : 'unnamed';
    const pieces = JSON.stringify(sampleJson(tool['parameters'] ?? { type: 'object' })).match(/.{1,12}/gsu) ?? [];
    return [
      { type: 'tool-call-start', choice: 0, index, id: `call_simulated_${index + 1}`, name },
      ...pieces.map((text) => ({ type: 'tool-call-delta', choice: 0, index, arguments: text }) as const),
    ];
  }).flat();
}
