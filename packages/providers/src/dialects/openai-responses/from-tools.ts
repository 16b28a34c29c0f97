import type { ToolChoice, ToolDefinition } from '@moltbot/contracts';
import type { JsonObject } from '../../json-object.js';
import { readObject } from '../../read-json.js';
import { expectList, expectObject, expectText, optionalText, refuse } from '../../request-fields.js';
import { fromFunction, MOST_TOOLS } from '../openai-fields.js';

export interface AskedTools {
  readonly tools: ToolDefinition[] | undefined;
  readonly toolChoice: ToolChoice | undefined;
}

/** `tools` and `tool_choice` of a caller; OpenAI’s own tools are added to `unknown` as `tools.0 (web_search)`. */
export function fromTools(value: JsonObject, unknown: Set<string>): AskedTools {
  const tools = fromList(value['tools'], unknown);
  const choice = value['tool_choice'];
  if (choice === undefined || choice === null) return { tools, toolChoice: undefined };
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { tools, toolChoice: choice };
  if (typeof choice === 'string') throw refuse('tool_choice', '"auto", "none", "required" or an object');
  const given = expectObject(choice, 'tool_choice');
  switch (expectText(given['type'], 'tool_choice.type')) {
    case 'function':
      return { tools, toolChoice: { tool: expectText(given['name'], 'tool_choice.name') } };
    case 'allowed_tools':
      return fromAllowed(given, tools);
    default:
      unknown.add('tool_choice');
      return { tools, toolChoice: undefined };
  }
}

/** Elsewhere a model may use all tools that it is told of: it is told of those that are allowed. */
function fromAllowed(choice: JsonObject, tools: ToolDefinition[] | undefined): AskedTools {
  const mode = optionalText(choice['mode'], 'tool_choice.mode') ?? 'auto';
  if (mode !== 'auto' && mode !== 'required') throw refuse('tool_choice.mode', '"auto" or "required"');
  const allowed = new Set(
    expectList(choice['tools'], 'tool_choice.tools', MOST_TOOLS).map((item) => readObject(item)?.['name']),
  );
  const left = tools?.filter(({ name }) => allowed.has(name)) ?? [];
  return { tools: left.length === 0 ? undefined : left, toolChoice: mode };
}

function fromList(value: unknown, unknown: Set<string>): ToolDefinition[] | undefined {
  if (value === undefined || value === null) return undefined;
  const tools = expectList(value, 'tools', MOST_TOOLS).flatMap((item, index): ToolDefinition[] => {
    const path = `tools.${index}`;
    const tool = expectObject(item, path);
    const type = expectText(tool['type'], `${path}.type`);
    if (type === 'function') return [fromFunction(tool, path)];
    unknown.add(`${path} (${type})`);
    return [];
  });
  return tools.length === 0 ? undefined : tools;
}
