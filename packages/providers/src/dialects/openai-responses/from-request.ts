import { type ChatRequest, MoltbotError, type ReasoningOptions, type ResponseFormat } from '@moltbot/contracts';
import type { JsonObject } from '../../json-object.js';
import {
  expectList,
  expectObject,
  expectText,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalText,
} from '../../request-fields.js';
import { fromMetadata, fromSchema, isEffort } from '../openai-fields.js';
import { fromInput } from './from-input.js';
import { fromTools } from './from-tools.js';
import { nativeOnly } from './native-only.js';

const MOST_INCLUDED = 256;

/** Fields with a word in ours, or that are read elsewhere (`model`, `models`, `stream`), or refused (`nativeOnly`). */
const KNOWN: ReadonlySet<string> = new Set([
  'model',
  'models',
  'input',
  'instructions',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text',
  'reasoning',
  'include',
  'max_output_tokens',
  'temperature',
  'top_p',
  'user',
  'safety_identifier',
  'metadata',
  'background',
  'previous_response_id',
  'conversation',
  'prompt',
]);

/** What is done anyway. */
const DEFAULTS: Readonly<Record<string, unknown>> = { truncation: 'disabled', service_tier: 'auto', top_logprobs: 0 };

/**
 * A body of `POST /v1/responses` in our words.
 * @throws MoltbotError `invalid_request` with `param`
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */
export function fromRequest(value: JsonObject): ChatRequest {
  const native = nativeOnly(value);
  if (native !== undefined) throw new MoltbotError('invalid_request', native.message, { param: native.param });
  const unknown = new Set(Object.keys(value).filter((key) => !KNOWN.has(key) && isSaid(value[key], DEFAULTS[key])));
  optionalText(value['model'], 'model');
  optionalBoolean(value['stream'], 'stream');
  optionalBoolean(value['background'], 'background');
  optionalBoolean(value['store'], 'store');
  const instructions = optionalText(value['instructions'], 'instructions') ?? '';
  const messages = fromInput(value['input'], unknown);
  checkIncluded(value['include'], unknown);
  const { tools, toolChoice } = fromTools(value, unknown);
  const request: ChatRequest = {
    messages:
      instructions === ''
        ? messages
        : [{ role: 'system', content: [{ type: 'text', text: instructions }] }, ...messages],
    tools,
    toolChoice,
    parallelToolCalls: optionalBoolean(value['parallel_tool_calls'], 'parallel_tool_calls'),
    responseFormat: fromText(value['text'], unknown),
    reasoning: fromReasoning(value['reasoning'], unknown),
    maxOutputTokens: optionalInteger(value['max_output_tokens'], 'max_output_tokens', 1),
    temperature: optionalNumber(value['temperature'], 'temperature', 0, 2),
    topP: optionalNumber(value['top_p'], 'top_p', 0, 1),
    user: optionalText(value['safety_identifier'], 'safety_identifier') ?? optionalText(value['user'], 'user'),
    metadata: fromMetadata(value['metadata']),
    unknownFields: [],
  };
  return { ...request, unknownFields: [...unknown] };
}

/** Encrypted reasoning comes wherever there is some; nothing else that can be included is there. */
function checkIncluded(value: unknown, unknown: Set<string>): void {
  if (value === undefined || value === null) return;
  for (const [index, name] of expectList(value, 'include', MOST_INCLUDED).entries()) {
    const text = expectText(name, `include.${index}`);
    if (text !== 'reasoning.encrypted_content') unknown.add(`include.${index} (${text.slice(0, 100)})`);
  }
}

function fromText(value: unknown, unknown: Set<string>): ResponseFormat | undefined {
  const text = optionalObject(value, 'text');
  if (text === undefined) return undefined;
  for (const key of Object.keys(text)) if (key !== 'format' && isSaid(text[key])) unknown.add(`text.${key}`);
  const format = optionalObject(text['format'], 'text.format');
  if (format === undefined) return undefined;
  switch (expectText(format['type'], 'text.format.type')) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return fromSchema(format, 'text.format', expectObject);
    default:
      unknown.add('text.format');
      return undefined;
  }
}

type Summary = NonNullable<ReasoningOptions['summary']>;
const SUMMARIES: ReadonlySet<string> = new Set<Summary>(['auto', 'concise', 'detailed']);
const REASONING_FIELDS: ReadonlySet<string> = new Set(['effort', 'summary', 'generate_summary']);

function fromReasoning(value: unknown, unknown: Set<string>): ReasoningOptions | undefined {
  const reasoning = optionalObject(value, 'reasoning');
  if (reasoning === undefined) return undefined;
  for (const key of Object.keys(reasoning)) {
    if (!REASONING_FIELDS.has(key) && isSaid(reasoning[key])) unknown.add(`reasoning.${key}`);
  }
  const effort = optionalText(reasoning['effort'], 'reasoning.effort');
  const summary =
    optionalText(reasoning['summary'], 'reasoning.summary') ??
    optionalText(reasoning['generate_summary'], 'reasoning.generate_summary');
  // New words of the provider's: they pass where bytes pass, and are reported where they can't.
  if (effort !== undefined && !isEffort(effort)) unknown.add('reasoning.effort');
  if (summary !== undefined && !SUMMARIES.has(summary)) unknown.add('reasoning.summary');
  const options: ReasoningOptions = {
    ...(effort !== undefined && isEffort(effort) ? { effort } : {}),
    ...(summary !== undefined && SUMMARIES.has(summary) ? { summary: summary as Summary } : {}),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

/** Null, a switch that is off and the default say the same as nothing. */
function isSaid(value: unknown, byDefault?: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== byDefault;
}
