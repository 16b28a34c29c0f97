import type { FinishReason, Usage } from '@moltbot/contracts';
import type { AnswerContext } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import { nestsWithin, readList, readObject } from '../../read-json.js';

/** Who answers under which name; after a rescue these are the first model's id and time. */
export interface ResponseHead {
  readonly id: string;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly model: string;
}

export type ResponseEnd =
  | { readonly status: 'in_progress' }
  | { readonly status: 'completed' }
  | { readonly status: 'incomplete'; readonly reason: string }
  | { readonly status: 'failed'; readonly error: JsonObject };

/** Deeper values are not repeated: printing them could overflow. */
const DEEPEST_ECHO = 512;

export function headOf({ id, created, model }: AnswerContext): ResponseHead {
  return { id: responseId(id), createdAt: created, model };
}

/** OpenAI's ids tell what they are of. */
function responseId(id: string): string {
  return id.startsWith('resp_') ? id : `resp_${id}`;
}

/** A response as an object: all that the API always says, null where there is nothing to say. */
export function toResponse(options: {
  readonly head: ResponseHead;
  /** From `echoOf`. */
  readonly echo: JsonObject;
  readonly end: ResponseEnd;
  readonly output: readonly JsonObject[];
  readonly usage: Usage | undefined;
}): JsonObject {
  const { head, echo, end, output, usage } = options;
  return {
    id: head.id,
    object: 'response',
    created_at: head.createdAt,
    status: end.status,
    access_programs: null,
    background: false,
    error: end.status === 'failed' ? end.error : null,
    incomplete_details: end.status === 'incomplete' ? { reason: end.reason } : null,
    model: head.model,
    output,
    previous_response_id: null,
    service_tier: 'default',
    store: false,
    top_logprobs: 0,
    truncation: 'disabled',
    usage: usage === undefined ? null : toUsage(usage),
    ...echo,
  };
}

/** What a response repeats of its request, as far as it was heeded. */
export function echoOf(asked: AnswerContext['asked']): JsonObject {
  const value = asked?.value ?? {};
  const read = (key: string): unknown => {
    const member = value[key];
    return nestsWithin(member, DEEPEST_ECHO) ? (member ?? null) : null;
  };
  const reasoning = readObject(read('reasoning'));
  const user = read('user');
  return {
    instructions: read('instructions'),
    max_output_tokens: read('max_output_tokens'),
    metadata: read('metadata') ?? {},
    parallel_tool_calls: read('parallel_tool_calls') ?? true,
    reasoning: { effort: reasoning?.['effort'] ?? null, summary: reasoning?.['summary'] ?? null },
    safety_identifier: read('safety_identifier'),
    temperature: read('temperature'),
    text: { format: readObject(read('text'))?.['format'] ?? { type: 'text' } },
    tool_choice: read('tool_choice') ?? 'auto',
    tools: readList(read('tools')).flatMap((tool) => toTool(readObject(tool))),
    top_p: read('top_p'),
    ...(typeof user === 'string' ? { user } : {}),
  };
}

/** Only functions reach another API. */
function toTool(tool: JsonObject | undefined): JsonObject[] {
  if (tool?.['type'] !== 'function') return [];
  return [{ ...tool, parameters: tool['parameters'] ?? null, strict: tool['strict'] ?? null }];
}

/** How an answer ended; a refusal in its own words is a whole answer, one without is cut off. */
export function endOf(reason: FinishReason, hasRefusal: boolean): ResponseEnd {
  switch (reason) {
    case 'stop':
    case 'tool-calls':
      return { status: 'completed' };
    case 'refusal':
      return hasRefusal ? { status: 'completed' } : { status: 'incomplete', reason: 'content_filter' };
    case 'length':
      return { status: 'incomplete', reason: 'max_output_tokens' };
    case 'content-filter':
      return { status: 'incomplete', reason: 'content_filter' };
    case 'other':
      // The dialect has no word for it; `completed` would say that the answer is whole.
      return { status: 'incomplete', reason: 'other' };
  }
}

function toUsage(usage: Usage): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
