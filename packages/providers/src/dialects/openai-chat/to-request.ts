import type { ChatRequest, ReasoningOptions, ResponseFormat } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { withContinuation } from '../../continuation.js';
import type { ChatTurn, UpstreamRequest } from '../../wire.js';
import { type ModelTraits, modelTraits } from '../openai-responses/model-traits.js';
import { toMessages } from './to-messages.js';

export const PATH = '/chat/completions';
export const JSON_HEADERS = { 'content-type': 'application/json' } as const;

export interface OpenAiChatOptions {
  /** A server that speaks OpenAI's dialect, not OpenAI itself: older field names, fewer words. */
  readonly compatible: boolean;
}

/** OpenAI's own limit. */
const MOST_STOPS = 4;

/** Of a compatible server's model nothing is known by its name. */
const UNKNOWN: ModelTraits = { reasons: undefined, sampling: 'always' };

/**
 * Our words as a request for a chat completion.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function toRequest(turn: ChatTurn, options: OpenAiChatOptions): UpstreamRequest {
  const { compatible } = options;
  const request = withContinuation(turn.request, turn.continuation);
  const traits = compatible ? UNKNOWN : modelTraits(turn.model);
  const dropped = [...request.unknownFields];
  if (request.topK !== undefined) dropped.push('top_k');
  // OpenAI only takes it together with `store`, and nothing is stored.
  if (request.metadata !== undefined) dropped.push('metadata');
  const limit = request.maxOutputTokens;
  const body = {
    model: turn.model,
    messages: toMessages(request.messages, { compatible, dropped }),
    ...(turn.stream ? { stream: true } : {}),
    ...(turn.stream && turn.streamUsage ? { stream_options: { include_usage: true } } : {}),
    ...toTools(request),
    response_format: request.responseFormat && toResponseFormat(request.responseFormat),
    reasoning_effort: toEffort(request.reasoning, { compatible, traits, dropped }),
    ...(compatible ? { max_tokens: limit } : { max_completion_tokens: limit }),
    ...toSampling(request, { compatible, traits, dropped }),
    seed: request.seed,
    // A continued answer has one choice: the one that broke off.
    n: turn.continuation === undefined ? request.choices : undefined,
    user: request.user,
    ...(compatible && turn.continuation?.rung === 'prefill' ? PREFILL : {}),
  };
  return { path: PATH, body: Buffer.from(JSON.stringify(body)), headers: JSON_HEADERS, dropped };
}

/** vLLM only goes on with the last message when told so; others don't know the fields. */
const PREFILL = { continue_final_message: true, add_generation_prompt: false } as const;

interface Limits {
  readonly compatible: boolean;
  readonly traits: ModelTraits;
  readonly dropped: string[];
}

/** Without tools, `tool_choice` and `parallel_tool_calls` are refused, and so is an empty list. */
function toTools(request: ChatRequest): JsonObject {
  const tools = request.tools ?? [];
  if (tools.length === 0) return {};
  const { toolChoice } = request;
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: { name, description, parameters, strict },
    })),
    tool_choice:
      typeof toolChoice === 'object' ? { type: 'function', function: { name: toolChoice.tool } } : toolChoice,
    parallel_tool_calls: request.parallelToolCalls,
  };
}

function toResponseFormat(format: ResponseFormat): JsonObject {
  switch (format.type) {
    case 'text':
      return { type: 'text' };
    case 'json':
      return { type: 'json_object' };
    case 'json-schema': {
      const { name, schema, description, strict } = format;
      return { type: 'json_schema', json_schema: { name, description, schema, strict } };
    }
  }
}

type Effort = NonNullable<ReasoningOptions['effort']>;

/** Half way between the budgets that the efforts stand for elsewhere. */
const EFFORT_OF_BUDGET: readonly (readonly [below: number, effort: Effort])[] = [
  [4_096, 'low'],
  [16_384, 'medium'],
  [Number.POSITIVE_INFINITY, 'high'],
];

/** The words that compatible servers know; the others are refused by many. */
const COMPATIBLE_EFFORT: Readonly<Record<Effort, Effort>> = {
  none: 'none',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

function toEffort(reasoning: ReasoningOptions | undefined, limits: Limits): Effort | undefined {
  if (reasoning === undefined) return undefined;
  const { budgetTokens } = reasoning;
  // Compatible servers show their thoughts unasked, OpenAI's chat completions never.
  if (reasoning.summary !== undefined && !limits.compatible) limits.dropped.push('reasoning.summary');
  const ofBudget =
    budgetTokens === undefined ? undefined : EFFORT_OF_BUDGET.find(([below]) => budgetTokens < below)?.[1];
  const effort = reasoning.effort ?? ofBudget;
  if (effort === undefined) return undefined;
  if (limits.traits.reasons === false) {
    if (effort !== 'none') limits.dropped.push('reasoning');
    return undefined;
  }
  const known = limits.compatible ? COMPATIBLE_EFFORT[effort] : effort;
  if (known !== effort) limits.dropped.push(`reasoning_effort (${known} instead)`);
  return known;
}

/** OpenAI's reasoning models refuse most of these instead of ignoring them. */
function toSampling(request: ChatRequest, { compatible, traits, dropped }: Limits): JsonObject {
  const free =
    traits.sampling === 'always' || (traits.sampling === 'without-effort' && request.reasoning?.effort === 'none');
  const plain = traits.reasons !== true;
  const stops = request.stop?.length === 0 ? undefined : request.stop;
  const wanted = {
    temperature: free ? request.temperature : undefined,
    top_p: free ? request.topP : undefined,
    frequency_penalty: plain ? request.frequencyPenalty : undefined,
    presence_penalty: plain ? request.presencePenalty : undefined,
    stop: plain ? (compatible ? stops : stops?.slice(0, MOST_STOPS)) : undefined,
  };
  if (request.temperature !== wanted.temperature) dropped.push('temperature');
  if (request.topP !== wanted.top_p) dropped.push('top_p');
  if (request.frequencyPenalty !== wanted.frequency_penalty) dropped.push('frequency_penalty');
  if (request.presencePenalty !== wanted.presence_penalty) dropped.push('presence_penalty');
  if (stops?.length !== wanted.stop?.length) dropped.push('stop');
  return wanted;
}
