import type { ChatRequest, Json, ToolChoice, ToolDefinition } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { nestsWithin } from '../../read-json.js';
import {
  expectList,
  expectObject,
  expectText,
  optionalBoolean,
  optionalObject,
  optionalText,
  refuse,
} from '../../request-fields.js';
import { DEEPEST_JSON } from './to-schema.js';

const MOST_TOOLS = 10_000;
const LONGEST_NAME = 128;

/** Members of a tool of the caller's own that are read or say nothing. */
const KNOWN = new Set(['type', 'name', 'description', 'input_schema', 'strict']);

/** Tools that the caller runs. Server tools (`web_search_…`) have no word in ours: `tools.0` is added to `unknown`. */
export function fromTools(value: unknown, unknown: Set<string>): ToolDefinition[] | undefined {
  if (value === undefined || value === null) return undefined;
  const tools = expectList(value, 'tools', MOST_TOOLS);
  const ours: ToolDefinition[] = [];
  for (const [index, item] of tools.entries()) {
    const path = `tools.${index}`;
    const tool = expectObject(item, path);
    const type = optionalText(tool['type'], `${path}.type`);
    if (type === undefined || type === 'custom') ours.push(fromTool(tool, path, unknown));
    else unknown.add(path);
  }
  return ours.length > 0 ? ours : undefined;
}

function fromTool(tool: JsonObject, path: string, unknown: Set<string>): ToolDefinition {
  const name = expectText(tool['name'], `${path}.name`);
  if (name === '' || name.length > LONGEST_NAME) throw refuse(`${path}.name`, `1 to ${LONGEST_NAME} characters`);
  const schema = expectObject(tool['input_schema'], `${path}.input_schema`);
  if (!nestsWithin(schema, DEEPEST_JSON)) throw refuse(`${path}.input_schema`, `at most ${DEEPEST_JSON} levels`);
  for (const [key, member] of Object.entries(tool)) {
    if (KNOWN.has(key) || member === undefined || member === null) continue;
    unknown.add(key === 'cache_control' ? key : `${path}.${key}`);
  }
  const description = optionalText(tool['description'], `${path}.description`);
  const strict = optionalBoolean(tool['strict'], `${path}.strict`);
  return {
    name,
    ...(description === undefined ? {} : { description }),
    parameters: schema as { readonly [key: string]: Json },
    ...(strict === undefined ? {} : { strict }),
  };
}

export function fromToolChoice(
  value: unknown,
  unknown: Set<string>,
): Pick<ChatRequest, 'toolChoice' | 'parallelToolCalls'> {
  const choice = optionalObject(value, 'tool_choice');
  if (choice === undefined) return {};
  const single = optionalBoolean(choice['disable_parallel_tool_use'], 'tool_choice.disable_parallel_tool_use');
  const toolChoice = fromChoice(choice);
  if (toolChoice === undefined) unknown.add('tool_choice');
  return { toolChoice, ...(single === undefined ? {} : { parallelToolCalls: !single }) };
}

function fromChoice(choice: JsonObject): ToolChoice | undefined {
  switch (expectText(choice['type'], 'tool_choice.type')) {
    case 'auto':
      return 'auto';
    case 'any':
      return 'required';
    case 'none':
      return 'none';
    case 'tool':
      return { tool: expectText(choice['name'], 'tool_choice.name') };
    default:
      return undefined;
  }
}
