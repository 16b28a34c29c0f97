import type { ChatRequest, ToolDefinition } from '@moltbot/contracts';
import { nestsWithin, readObject } from '../../read-json.js';

/** Deeper schemas can't be printed without a recursion as deep. */
const MAX_DEPTH = 100;

const NO_PARAMETERS = { type: 'object', properties: {} } as const;
const COMBINATORS = ['$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'not'];

/** `tools`, `tool_choice` and `parallel_tool_calls`; empty where the request has no tools. */
export function toTools(request: ChatRequest, dropped: string[]): Readonly<Record<string, unknown>> {
  const tools = request.tools ?? [];
  if (tools.length === 0) return {};
  return {
    tools: tools.map((tool, index) => toFunction(tool, index, dropped)),
    tool_choice: toChoice(request.toolChoice),
    parallel_tool_calls: request.parallelToolCalls,
  };
}

function toFunction(tool: ToolDefinition, index: number, dropped: string[]): Readonly<Record<string, unknown>> {
  return {
    type: 'function',
    name: tool.name,
    description: tool.description,
    parameters: toParameters(tool, index, dropped),
    // Unlike chat completions, this API takes an absent `strict` for true.
    strict: tool.strict ?? false,
  };
}

/** A schema of an object, which the API demands. */
function toParameters(tool: ToolDefinition, index: number, dropped: string[]): Readonly<Record<string, unknown>> {
  const parameters = readObject(tool.parameters);
  if (parameters === undefined) return NO_PARAMETERS;
  if (!nestsWithin(parameters, MAX_DEPTH)) {
    dropped.push(`tools.${index}.parameters`);
    return NO_PARAMETERS;
  }
  const { type } = parameters;
  if (type === undefined && COMBINATORS.some((key) => parameters[key] !== undefined)) return parameters;
  if (type !== undefined && type !== 'object') return parameters;
  return { ...NO_PARAMETERS, ...parameters };
}

function toChoice(choice: ChatRequest['toolChoice']): unknown {
  return typeof choice === 'object' ? { type: 'function', name: choice.tool } : choice;
}
