import type { ChatRequest, ReasoningOptions, ResponseFormat } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { fromMessages, fromTexts } from './from-messages.js';
import { fromToolChoice, fromTools } from './from-tools.js';
import {
  expectList,
  expectText,
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalText,
  refuse,
} from '../../request-fields.js';
import { nestsWithin } from '../../read-json.js';
import { DEEPEST_JSON } from './to-schema.js';

const MOST_STOP_SEQUENCES = 8_192;

/** Fields with a word in ours, or that are read elsewhere (`model`, `models`, `stream`). */
const KNOWN = new Set([
  'model',
  'models',
  'messages',
  'max_tokens',
  'metadata',
  'output_config',
  'output_format',
  'stop_sequences',
  'stream',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
]);

/**
 * A body of `POST /v1/messages` or `/v1/messages/count_tokens` in our words.
 * @throws MoltbotError `invalid_request` with `param`
 * @see https://platform.claude.com/docs/en/api/messages
 */
export function fromRequest(value: JsonObject): ChatRequest {
  const unknown = new Set(Object.keys(value).filter((key) => !KNOWN.has(key) && isSaid(value[key])));
  checkAddress(value);
  const system = value['system'];
  const messages = fromMessages(value['messages'], unknown);
  const prompt = system === undefined || system === null ? [] : fromTexts(system, 'system', unknown);
  const outputConfig = optionalObject(value['output_config'], 'output_config') ?? {};
  for (const key of Object.keys(outputConfig)) {
    if (key !== 'effort' && key !== 'format' && isSaid(outputConfig[key])) unknown.add(`output_config.${key}`);
  }
  const request: ChatRequest = {
    messages: prompt.length > 0 ? [{ role: 'system', content: prompt }, ...messages] : messages,
    tools: fromTools(value['tools'], unknown),
    ...fromToolChoice(value['tool_choice'], unknown),
    responseFormat: fromFormat(outputConfig['format'] ?? value['output_format'], unknown),
    reasoning: fromThinking(value['thinking'], outputConfig['effort'], unknown),
    maxOutputTokens: optionalInteger(value['max_tokens'], 'max_tokens', 0),
    temperature: optionalNumber(value['temperature'], 'temperature', 0, 1),
    topP: optionalNumber(value['top_p'], 'top_p', 0, 1),
    topK: optionalInteger(value['top_k'], 'top_k', 0),
    stop: fromStop(value['stop_sequences']),
    user: fromMetadata(value['metadata'], unknown),
    unknownFields: [],
  };
  return { ...request, unknownFields: [...unknown] };
}

/** What the router reads: checked here so that a wrong one is named. */
function checkAddress(value: JsonObject): void {
  optionalText(value['model'], 'model');
  optionalBoolean(value['stream'], 'stream');
  const models = value['models'];
  if (models === undefined || models === null) return;
  for (const [index, model] of expectList(models, 'models', 64).entries()) expectText(model, `models.${index}`);
}

function fromStop(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const sequences = expectList(value, 'stop_sequences', MOST_STOP_SEQUENCES);
  return sequences.length === 0
    ? undefined
    : sequences.map((sequence, index) => expectText(sequence, `stop_sequences.${index}`));
}

function fromMetadata(value: unknown, unknown: Set<string>): string | undefined {
  const metadata = optionalObject(value, 'metadata');
  if (metadata === undefined) return undefined;
  for (const key of Object.keys(metadata)) if (key !== 'user_id') unknown.add(`metadata.${key}`);
  return optionalText(metadata['user_id'], 'metadata.user_id');
}

function fromFormat(value: unknown, unknown: Set<string>): ResponseFormat | undefined {
  const format = optionalObject(value, 'output_config.format');
  if (format === undefined) return undefined;
  if (format['type'] !== 'json_schema') {
    unknown.add('output_config.format');
    return undefined;
  }
  const schema = format['schema'];
  if (typeof schema !== 'object' || schema === null || !nestsWithin(schema, DEEPEST_JSON)) {
    throw refuse('output_config.format.schema', `an object of at most ${DEEPEST_JSON} levels`);
  }
  return { type: 'json-schema', name: 'answer', schema: schema as JsonObject as never, strict: true };
}

type Effort = NonNullable<ReasoningOptions['effort']>;
const EFFORTS: ReadonlySet<string> = new Set<Effort>(['low', 'medium', 'high', 'xhigh', 'max']);

/**
 * `thinking` and `output_config.effort`. Adaptive thinking without an effort is an empty object; an effort alone does not ask
 * for thinking at Anthropic, but it does everywhere else, and is all that can be said there.
 */
function fromThinking(value: unknown, effortValue: unknown, unknown: Set<string>): ReasoningOptions | undefined {
  const effort = optionalText(effortValue, 'output_config.effort');
  const known = effort !== undefined && EFFORTS.has(effort) ? (effort as Effort) : undefined;
  if (effort !== undefined && known === undefined) unknown.add('output_config.effort');
  const asked: ReasoningOptions | undefined = known === undefined ? undefined : { effort: known };
  const thinking = optionalObject(value, 'thinking');
  if (thinking === undefined) return asked;
  for (const key of Object.keys(thinking)) {
    if (key !== 'type' && key !== 'budget_tokens' && isSaid(thinking[key])) unknown.add(`thinking.${key}`);
  }
  switch (expectText(thinking['type'], 'thinking.type')) {
    case 'enabled':
      return { ...asked, budgetTokens: expectBudget(thinking['budget_tokens']) };
    case 'adaptive':
      return asked ?? {};
    case 'disabled':
    case 'between_tools':
      return { effort: 'none' };
    default:
      unknown.add('thinking');
      return asked;
  }
}

function expectBudget(value: unknown): number {
  const budget = optionalInteger(value, 'thinking.budget_tokens', 1_024);
  if (budget === undefined) throw refuse('thinking.budget_tokens', 'a whole number of at least 1024');
  return budget;
}

/** Null says the same as nothing. */
function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}
