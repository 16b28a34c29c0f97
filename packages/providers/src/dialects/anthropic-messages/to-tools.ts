import type { ChatRequest, ToolDefinition } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { ModelRules } from './model-rules.js';
import { toConstrainedSchema, toInputSchema } from './to-schema.js';

export interface AnthropicTools {
  readonly tools?: readonly JsonObject[];
  readonly tool_choice?: JsonObject;
}

/**
 * `tools` and `tool_choice`. A conversation that holds calls needs the tools declared: where the caller declares none, the
 * called names are, and `tool_choice` forbids to call them.
 */
export function toTools(
  request: ChatRequest,
  rules: ModelRules,
  calledTools: ReadonlySet<string>,
  dropped: string[],
): AnthropicTools {
  const declared = request.tools ?? [];
  if (declared.length === 0) {
    if (request.toolChoice !== undefined && request.toolChoice !== 'none' && request.toolChoice !== 'auto') {
      dropped.push('tool_choice');
    }
    if (calledTools.size === 0) return {};
    return {
      tools: [...calledTools].map((name) => ({ name, input_schema: { type: 'object' } })),
      tool_choice: { type: 'none' },
    };
  }
  const tools = declared.map((tool, index) => toTool(tool, index, rules, dropped));
  const choice = toToolChoice(request, rules, dropped);
  return choice === undefined ? { tools } : { tools, tool_choice: choice };
}

function toTool(tool: ToolDefinition, index: number, rules: ModelRules, dropped: string[]): JsonObject {
  const { name, description } = tool;
  const schema = toInputSchema(tool.parameters);
  if (tool.strict === true) {
    const constrained = rules.structuredOutput
      ? toConstrainedSchema(schema as ToolDefinition['parameters'])
      : undefined;
    if (constrained?.removed.length === 0) return { name, description, input_schema: constrained.schema, strict: true };
    dropped.push(`tools.${index}.strict`);
  }
  return { name, description, input_schema: schema };
}

function toToolChoice(request: ChatRequest, rules: ModelRules, dropped: string[]): JsonObject | undefined {
  const choice = request.toolChoice;
  const single = request.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  if (choice === 'none') return { type: 'none' };
  if (choice === undefined || choice === 'auto') {
    return choice === undefined && request.parallelToolCalls !== false ? undefined : { type: 'auto', ...single };
  }
  if (!rules.forcedToolChoice) {
    dropped.push('tool_choice');
    return { type: 'auto', ...single };
  }
  return choice === 'required' ? { type: 'any', ...single } : { type: 'tool', name: choice.tool, ...single };
}
