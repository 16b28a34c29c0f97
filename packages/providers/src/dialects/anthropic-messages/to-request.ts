import type { ChatRequest } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { withContinuation } from '../../continuation.js';
import type { ChatTurn, UpstreamRequest } from '../../wire.js';
import { type ModelRules, modelRules } from './model-rules.js';
import { type AnthropicConversation, toMessages } from './to-messages.js';
import { toConstrainedSchema } from './to-schema.js';
import { toThinking } from './to-thinking.js';
import { toTools } from './to-tools.js';

/** Headers of every request. A caller's own `anthropic-beta` belongs to a passed request and is added by who passes it. */
export const ANTHROPIC_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'anthropic-version': '2023-06-01',
};

/** Longest `metadata.user_id`. */
const LONGEST_USER = 256;

/** Our words as a request of the Messages API. */
export function toRequest(turn: ChatTurn): UpstreamRequest {
  const request = withContinuation(turn.request, turn.continuation);
  const rules = modelRules(turn.model);
  const dropped = [...request.unknownFields];
  const conversation = toMessages(request.messages, dropped);
  const maxTokens = request.maxOutputTokens ?? turn.defaultMaxOutputTokens;
  const prefill = conversation.messages.at(-1)?.role === 'assistant';
  const { thinking, effort, thinks } = toThinking({ request, rules, maxTokens, prefill, dropped });
  const format = toFormat(request, rules, dropped);
  const outputConfig = { ...(effort === undefined ? {} : { effort }), ...(format === undefined ? {} : { format }) };
  dropUnsayable(request, dropped);
  const body: JsonObject = {
    model: turn.model,
    max_tokens: maxTokens,
    ...toPrompt(request, rules, conversation, dropped),
    ...toSampling(request, rules, thinks, dropped),
    ...toStop(request.stop, dropped),
    ...toMetadata(request, dropped),
    ...(thinking === undefined ? {} : { thinking }),
    ...(Object.keys(outputConfig).length === 0 ? {} : { output_config: outputConfig }),
    ...(turn.stream ? { stream: true } : {}),
  };
  return { path: '/messages', body: Buffer.from(JSON.stringify(body)), headers: ANTHROPIC_HEADERS, dropped };
}

/** The same prompt for `POST /messages/count_tokens`, which takes what is counted and no more. */
export function toCountRequest(options: { readonly request: ChatRequest; readonly model: string }): UpstreamRequest {
  const { request, model } = options;
  const rules = modelRules(model);
  const dropped: string[] = [];
  const format = toFormat(request, rules, dropped);
  const body: JsonObject = {
    model,
    ...toPrompt(request, rules, toMessages(request.messages, dropped), dropped),
    ...(format === undefined ? {} : { output_config: { format } }),
  };
  return {
    path: '/messages/count_tokens',
    body: Buffer.from(JSON.stringify(body)),
    headers: ANTHROPIC_HEADERS,
    dropped: [],
  };
}

function toPrompt(
  request: ChatRequest,
  rules: ModelRules,
  conversation: AnthropicConversation,
  dropped: string[],
): JsonObject {
  const { system, messages, calledTools } = conversation;
  return {
    ...(system.length > 0 ? { system } : {}),
    messages,
    ...toTools(request, rules, calledTools, dropped),
  };
}

/** Temperature runs from 0 to 1 here. Thinking allows only the default temperature and a top_p of 0.95 and more. */
function toSampling(request: ChatRequest, rules: ModelRules, thinks: boolean, dropped: string[]): JsonObject {
  const sampling: Record<string, number> = {};
  const { temperature, topP, topK } = request;
  const free = rules.sampling !== 'none';
  if (temperature !== undefined && temperature !== 1) {
    const clamped = Math.min(1, Math.max(0, temperature));
    if (clamped !== temperature || !free || thinks) dropped.push('temperature');
    if (free && !thinks) sampling['temperature'] = clamped;
  }
  if (topP !== undefined && topP !== 1) {
    const alone = rules.sampling === 'any' || sampling['temperature'] === undefined;
    if (free && alone && (!thinks || topP >= 0.95)) sampling['top_p'] = topP;
    else dropped.push('top_p');
  }
  if (topK !== undefined) {
    if (free && !thinks) sampling['top_k'] = topK;
    else dropped.push('top_k');
  }
  return sampling;
}

/** Only a schema can be asked for: "any JSON" has no word at Anthropic, and a hidden tool would not be what was asked. */
function toFormat(request: ChatRequest, rules: ModelRules, dropped: string[]): JsonObject | undefined {
  const format = request.responseFormat;
  if (format === undefined || format.type === 'text') return undefined;
  const constrained =
    format.type === 'json-schema' && rules.structuredOutput ? toConstrainedSchema(format.schema) : undefined;
  if (constrained === undefined) {
    dropped.push('response_format');
    return undefined;
  }
  if (constrained.removed.length > 0) dropped.push(`response_format.schema (${constrained.removed.join(', ')})`);
  return { type: 'json_schema', schema: constrained.schema };
}

function toStop(stop: readonly string[] | undefined, dropped: string[]): JsonObject {
  const sequences = (stop ?? []).filter((sequence) => /\S/.test(sequence));
  if (sequences.length < (stop ?? []).length) dropped.push('stop');
  return sequences.length > 0 ? { stop_sequences: sequences } : {};
}

function toMetadata({ user, metadata }: ChatRequest, dropped: string[]): JsonObject {
  if (metadata !== undefined && Object.keys(metadata).length > 0) dropped.push('metadata');
  if (user === undefined || user === '') return {};
  if (user.length > LONGEST_USER) {
    dropped.push('user');
    return {};
  }
  return { metadata: { user_id: user } };
}

function dropUnsayable(request: ChatRequest, dropped: string[]): void {
  if (request.frequencyPenalty !== undefined && request.frequencyPenalty !== 0) dropped.push('frequency_penalty');
  if (request.presencePenalty !== undefined && request.presencePenalty !== 0) dropped.push('presence_penalty');
  if (request.seed !== undefined) dropped.push('seed');
  if (request.choices !== undefined && request.choices > 1) dropped.push('choices');
}
