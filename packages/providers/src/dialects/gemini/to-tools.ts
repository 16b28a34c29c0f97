import type { ChatRequest, ToolDefinition } from '@moltbot/contracts';
import { readObject } from '../../read-json.js';
import { toGeminiSchema } from './to-schema.js';

/** `tools` and `toolConfig`; empty where the request has no tools. */
export function toTools(request: ChatRequest, dropped: string[]): Readonly<Record<string, unknown>> {
  const tools = request.tools ?? [];
  if (tools.length === 0) return {};
  if (request.parallelToolCalls === false) dropped.push('parallel_tool_calls');
  const declarations = tools.map((tool, index) => toDeclaration(tool, index, dropped));
  const calling = toFunctionCalling(request, tools);
  return {
    tools: [{ functionDeclarations: declarations }],
    ...(calling === undefined ? {} : { toolConfig: { functionCallingConfig: calling } }),
  };
}

function toDeclaration(tool: ToolDefinition, index: number, dropped: string[]): Readonly<Record<string, unknown>> {
  const parameters = toGeminiSchema(tool.parameters);
  if (parameters?.lossy === true) dropped.push(`tools.${index}.parameters (parts)`);
  return {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(parameters === undefined || isEmpty(parameters.schema) ? {} : { parametersJsonSchema: parameters.schema }),
  };
}

/** An object without properties is refused by some models, and says as much as no schema. */
function isEmpty(schema: Readonly<Record<string, unknown>>): boolean {
  return (
    Object.keys(readObject(schema['properties']) ?? {}).length === 0 &&
    schema['$ref'] === undefined &&
    schema['anyOf'] === undefined &&
    readObject(schema['additionalProperties']) === undefined
  );
}

function toFunctionCalling(
  request: ChatRequest,
  tools: readonly ToolDefinition[],
): Readonly<Record<string, unknown>> | undefined {
  const choice = request.toolChoice;
  switch (choice) {
    case 'none':
      return { mode: 'NONE' };
    case 'required':
      return { mode: 'ANY' };
    case undefined:
    case 'auto':
      // VALIDATED is AUTO with arguments held to their schema: what `strict` asks for.
      if (tools.some((tool) => tool.strict === true)) return { mode: 'VALIDATED' };
      return choice === undefined ? undefined : { mode: 'AUTO' };
    default:
      return { mode: 'ANY', allowedFunctionNames: [choice.tool] };
  }
}
