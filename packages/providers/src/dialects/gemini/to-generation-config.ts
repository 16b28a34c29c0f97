import type { ChatRequest, ReasoningOptions } from '@moltbot/contracts';
import type { ModelTraits } from './model-traits.js';
import { toGeminiSchema } from './to-schema.js';

const MAX_STOP_SEQUENCES = 5;
const MAX_SEED = 2_147_483_647;

type Effort = NonNullable<ReasoningOptions['effort']>;

/** Google's own equivalents of OpenAI's words (ai.google.dev/gemini-api/docs/openai#thinking). */
const BUDGETS: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

const LEVELS: Readonly<Record<Effort, 'lowest' | 'low' | 'medium' | 'high'>> = {
  none: 'lowest',
  minimal: 'lowest',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

/** `generationConfig`; what the API or the model can't take is added to `dropped`. */
export function toGenerationConfig(
  request: ChatRequest,
  traits: ModelTraits,
  dropped: string[],
): Readonly<Record<string, unknown>> {
  const config: Record<string, unknown> = {
    maxOutputTokens: request.maxOutputTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    thinkingConfig: toThinkingConfig(request.reasoning, traits, dropped),
    ...toResponseFormat(request, traits, dropped),
  };
  for (const [name, ours, value] of [
    ['frequencyPenalty', 'frequency_penalty', request.frequencyPenalty],
    ['presencePenalty', 'presence_penalty', request.presencePenalty],
  ] as const) {
    if (value === undefined) continue;
    if (traits.penalties) config[name] = value;
    else dropped.push(ours);
  }
  if (request.stop !== undefined) {
    const taken = request.stop.filter((text) => text !== '');
    if (taken.length > 0) config['stopSequences'] = taken.slice(0, MAX_STOP_SEQUENCES);
    for (let index = MAX_STOP_SEQUENCES; index < taken.length; index += 1) dropped.push(`stop.${index}`);
  }
  if (request.seed !== undefined) {
    if (Number.isInteger(request.seed) && Math.abs(request.seed) <= MAX_SEED) config['seed'] = request.seed;
    else dropped.push('seed');
  }
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function toResponseFormat(request: ChatRequest, traits: ModelTraits, dropped: string[]): Record<string, unknown> {
  const format = request.responseFormat;
  if (format === undefined || format.type === 'text') return {};
  if ((request.tools?.length ?? 0) > 0 && !traits.jsonWithTools) {
    dropped.push('response_format');
    return {};
  }
  const schema = format.type === 'json-schema' ? toGeminiSchema(format.schema) : undefined;
  if (schema?.lossy === true) dropped.push('response_format.schema (parts)');
  return { responseMimeType: 'application/json', responseJsonSchema: schema?.schema };
}

function toThinkingConfig(
  reasoning: ReasoningOptions | undefined,
  traits: ModelTraits,
  dropped: string[],
): Record<string, unknown> | undefined {
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens } = reasoning;
  const off = effort === 'none';
  if (traits.thinking === 'none') {
    // Not thinking is what it does anyway.
    if (!off) dropped.push('reasoning');
    return undefined;
  }
  // Thinks as much as it likes, and shows it.
  if (effort === undefined && budgetTokens === undefined) return { includeThoughts: true };
  if (off && (traits.thinking === 'level' || !traits.thinkingBudget.off)) {
    // It thinks in any case: the least is what can be had.
    dropped.push('reasoning.effort');
  }
  const amount =
    traits.thinking === 'level'
      ? { thinkingLevel: toLevel(effort, budgetTokens, traits) }
      : { thinkingBudget: toBudget(effort, budgetTokens, traits) };
  return off ? amount : { ...amount, includeThoughts: true };
}

function toBudget(effort: Effort | undefined, budgetTokens: number | undefined, traits: ModelTraits): number {
  const { min, max, off } = traits.thinkingBudget;
  const wanted = effort === 'none' ? 0 : Math.round(budgetTokens ?? BUDGETS[effort ?? 'medium']);
  return wanted === 0 && off ? 0 : Math.min(Math.max(wanted, min), max);
}

function toLevel(effort: Effort | undefined, budgetTokens: number | undefined, traits: ModelTraits): string {
  if (effort === undefined) return levelOfBudget(budgetTokens ?? 0);
  const level = LEVELS[effort];
  return level === 'lowest' ? traits.lowestLevel : level;
}

/** Half way between the budgets that the words stand for. */
function levelOfBudget(tokens: number): 'low' | 'medium' | 'high' {
  if (tokens < 4_096) return 'low';
  return tokens < 16_384 ? 'medium' : 'high';
}
