import type { ChatRequest, ReasoningOptions, ResponseFormat, ToolChoice, ToolDefinition } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import {
  expectList,
  expectObject,
  expectText,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalText,
  refuse,
} from '../../request-fields.js';
import { fromFunction, fromMetadata, fromSchema, isEffort, MOST_TOOLS } from '../openai-fields.js';
import { fromMessages } from './from-messages.js';

const MOST_STOPS = 256;
const MOST_CHOICES = 128;

/** Fields with a word in ours, or that are read elsewhere (`model`, `models`, `stream`, `stream_options`). */
const KNOWN: ReadonlySet<string> = new Set([
  'model',
  'models',
  'messages',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'reasoning_effort',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'frequency_penalty',
  'presence_penalty',
  'stop',
  'seed',
  'n',
  'user',
  'metadata',
]);

/**
 * A body of `POST /v1/chat/completions` in our words.
 * @throws MoltbotError `invalid_request` with `param`
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function fromRequest(value: JsonObject): ChatRequest {
  const unknown = new Set(Object.keys(value).filter((key) => !KNOWN.has(key) && isSaid(value[key])));
  optionalText(value['model'], 'model');
  optionalBoolean(value['stream'], 'stream');
  const messages = fromMessages(value['messages'], unknown);
  const choices = optionalInteger(value['n'], 'n', 1);
  if (choices !== undefined && choices > MOST_CHOICES) throw refuse('n', `at most ${MOST_CHOICES}`);
  const request: ChatRequest = {
    messages,
    tools: fromTools(value['tools'], unknown),
    toolChoice: fromToolChoice(value['tool_choice'], unknown),
    parallelToolCalls: optionalBoolean(value['parallel_tool_calls'], 'parallel_tool_calls'),
    responseFormat: fromResponseFormat(value['response_format'], unknown),
    reasoning: fromEffort(value['reasoning_effort'], unknown),
    maxOutputTokens:
      optionalInteger(value['max_completion_tokens'], 'max_completion_tokens', 1) ??
      optionalInteger(value['max_tokens'], 'max_tokens', 1),
    temperature: optionalNumber(value['temperature'], 'temperature', 0, 2),
    topP: optionalNumber(value['top_p'], 'top_p', 0, 1),
    topK: optionalInteger(value['top_k'], 'top_k', 0),
    frequencyPenalty: optionalNumber(value['frequency_penalty'], 'frequency_penalty', -2, 2),
    presencePenalty: optionalNumber(value['presence_penalty'], 'presence_penalty', -2, 2),
    stop: fromStop(value['stop']),
    seed: fromSeed(value['seed']),
    choices: choices === 1 ? undefined : choices,
    user: optionalText(value['user'], 'user'),
    metadata: fromMetadata(value['metadata']),
    unknownFields: [],
  };
  return { ...request, unknownFields: [...unknown] };
}

function fromTools(value: unknown, unknown: Set<string>): ToolDefinition[] | undefined {
  if (value === undefined || value === null) return undefined;
  const tools = expectList(value, 'tools', MOST_TOOLS).flatMap((item, index): ToolDefinition[] => {
    const path = `tools.${index}`;
    const tool = expectObject(item, path);
    const type = expectText(tool['type'], `${path}.type`);
    if (type !== 'function') {
      unknown.add(`${path} (${type})`);
      return [];
    }
    return [fromFunction(expectObject(tool['function'], `${path}.function`), `${path}.function`)];
  });
  return tools.length === 0 ? undefined : tools;
}

function fromToolChoice(value: unknown, unknown: Set<string>): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'auto' || value === 'none' || value === 'required') return value;
  if (typeof value === 'string') throw refuse('tool_choice', '"auto", "none", "required" or an object');
  const choice = expectObject(value, 'tool_choice');
  if (choice['type'] !== 'function') {
    unknown.add('tool_choice');
    return undefined;
  }
  const { name } = expectObject(choice['function'], 'tool_choice.function');
  return { tool: expectText(name, 'tool_choice.function.name') };
}

function fromResponseFormat(value: unknown, unknown: Set<string>): ResponseFormat | undefined {
  const format = optionalObject(value, 'response_format');
  if (format === undefined) return undefined;
  switch (expectText(format['type'], 'response_format.type')) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return fromSchema(
        expectObject(format['json_schema'], 'response_format.json_schema'),
        'response_format.json_schema',
        (schema, path) => optionalObject(schema, path) ?? {},
      );
    default:
      unknown.add('response_format');
      return undefined;
  }
}

function fromEffort(value: unknown, unknown: Set<string>): ReasoningOptions | undefined {
  const effort = optionalText(value, 'reasoning_effort');
  if (effort === undefined) return undefined;
  if (isEffort(effort)) return { effort };
  unknown.add('reasoning_effort');
  return undefined;
}

function fromStop(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return [value];
  const stops = expectList(value, 'stop', MOST_STOPS);
  return stops.length === 0 ? undefined : stops.map((stop, index) => expectText(stop, `stop.${index}`));
}

function fromSeed(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value)) return value as number;
  throw refuse('seed', 'a whole number');
}

/** Null and a switch that is off say the same as nothing. */
function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
