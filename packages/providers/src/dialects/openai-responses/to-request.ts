import type { ChatRequest, ResponseFormat } from '@moltbot/contracts';
import { withContinuation } from '../../continuation.js';
import { nestsWithin } from '../../read-json.js';
import type { ChatTurn, UpstreamRequest } from '../../wire.js';
import { type ModelTraits, modelTraits } from './model-traits.js';
import { toInput } from './to-input.js';
import { toReasoning } from './to-reasoning.js';
import { toTools } from './to-tools.js';

export const PATH = '/responses';
export const JSON_HEADERS = { 'content-type': 'application/json' } as const;

/** The API refuses less. */
const MIN_OUTPUT_TOKENS = 16;
const MAX_USER = 64;
const MAX_DEPTH = 100;

/**
 * Our words as a request to create a response. Nothing is stored at OpenAI; reasoning comes back encrypted instead.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */
export function toRequest(turn: ChatTurn): UpstreamRequest {
  const request = withContinuation(turn.request, turn.continuation);
  const traits = modelTraits(turn.model);
  const dropped = droppedFields(request);
  const { instructions, input, dropped: droppedParts } = toInput(request.messages);
  const reasoning = toReasoning(request.reasoning, traits, dropped);
  const body = {
    model: turn.model,
    input,
    instructions,
    stream: turn.stream,
    store: false,
    // Models that don't reason refuse the ask.
    include: reasoning !== undefined || traits.reasons === true ? ['reasoning.encrypted_content'] : undefined,
    reasoning,
    ...toTools(request, dropped),
    text: toText(request.responseFormat, dropped),
    max_output_tokens: toMaxOutputTokens(request, dropped),
    ...toSampling(request, traits, dropped),
    safety_identifier: toUser(request, dropped),
    metadata: request.metadata,
  };
  return {
    path: PATH,
    body: Buffer.from(JSON.stringify(body)),
    headers: JSON_HEADERS,
    dropped: [...dropped, ...droppedParts],
  };
}

/** Fields the API has no word for, whatever the model. */
function droppedFields(request: ChatRequest): string[] {
  const dropped = [...request.unknownFields];
  if ((request.choices ?? 1) > 1) dropped.push('choices');
  if (request.topK !== undefined) dropped.push('top_k');
  if (request.frequencyPenalty !== undefined) dropped.push('frequency_penalty');
  if (request.presencePenalty !== undefined) dropped.push('presence_penalty');
  if (request.seed !== undefined) dropped.push('seed');
  if ((request.stop?.length ?? 0) > 0) dropped.push('stop');
  return dropped;
}

function toText(format: ResponseFormat | undefined, dropped: string[]): Readonly<Record<string, unknown>> | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  if (format.type === 'json') return { format: { type: 'json_object' } };
  const { name, schema, description, strict } = format;
  if (nestsWithin(schema, MAX_DEPTH)) return { format: { type: 'json_schema', name, schema, description, strict } };
  dropped.push('response_format.schema');
  return { format: { type: 'json_object' } };
}

function toMaxOutputTokens(request: ChatRequest, dropped: string[]): number | undefined {
  const { maxOutputTokens } = request;
  if (maxOutputTokens === undefined || maxOutputTokens >= MIN_OUTPUT_TOKENS) return maxOutputTokens;
  dropped.push(`max_output_tokens (${MIN_OUTPUT_TOKENS} instead)`);
  return MIN_OUTPUT_TOKENS;
}

function toSampling(
  request: ChatRequest,
  traits: ModelTraits,
  dropped: string[],
): Readonly<Record<string, number | undefined>> {
  const taken =
    traits.sampling === 'always' || (traits.sampling === 'without-effort' && request.reasoning?.effort === 'none');
  if (taken) return { temperature: request.temperature, top_p: request.topP };
  if (request.temperature !== undefined) dropped.push('temperature');
  if (request.topP !== undefined) dropped.push('top_p');
  return {};
}

function toUser(request: ChatRequest, dropped: string[]): string | undefined {
  if (request.user === undefined || request.user.length <= MAX_USER) return request.user;
  dropped.push('user');
  return undefined;
}
