import type { ChatRequest, ReasoningOptions } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { ModelRules } from './model-rules.js';

type Effort = NonNullable<ReasoningOptions['effort']>;

export interface AnthropicThinking {
  readonly thinking: JsonObject | undefined;
  /** For `output_config.effort`. */
  readonly effort: string | undefined;
  /** Whether the request asks for thinking, which narrows what else it may say. */
  readonly thinks: boolean;
}

export interface ThinkingOptions {
  readonly request: ChatRequest;
  readonly rules: ModelRules;
  readonly maxTokens: number;
  /** The request ends with an assistant message that is to be continued. */
  readonly prefill: boolean;
  readonly dropped: string[];
}

const NONE: AnthropicThinking = { thinking: undefined, effort: undefined, thinks: false };
/** The API's own lower limit of `budget_tokens`. */
const SMALLEST_BUDGET = 1_024;

const BUDGETS: Readonly<Record<Exclude<Effort, 'none'>, number>> = {
  minimal: SMALLEST_BUDGET,
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 32_768,
  max: 65_536,
};

/** A budget in tokens as an effort, for models that take no budget: up to so many tokens. */
const EFFORTS: readonly (readonly [budget: number, effort: Effort])[] = [
  [4_096, 'low'],
  [12_288, 'medium'],
  [32_768, 'high'],
  [Number.POSITIVE_INFINITY, 'xhigh'],
];

/**
 * `thinking` and `output_config.effort`. An effort becomes the nearest one the model knows; a budget fits below `max_tokens`.
 * Dropped: `reasoning` where nothing of it can be said, `reasoning.effort` where thinking can't be turned off,
 * `reasoning.budget_tokens` where it became an effort.
 */
export function toThinking(options: ThinkingOptions): AnthropicThinking {
  const { request, rules, dropped } = options;
  const reasoning = request.reasoning;
  if (reasoning === undefined) return NONE;
  if (reasoning.effort === 'none' || reasoning.budgetTokens === 0) return turnOff(rules, dropped);
  const forced = request.toolChoice === 'required' || typeof request.toolChoice === 'object';
  const silenced = options.prefill || (forced && rules.forcedToolChoice && !rules.thinksWithForcedTool);
  if (rules.thinking === 'budget') return silenced ? drop(dropped) : withBudget(reasoning, undefined, options);
  const asked = reasoning.effort ?? effortOf(reasoning.budgetTokens);
  const effort = asked === undefined ? undefined : nearestEffort(asked, rules);
  if (reasoning.budgetTokens !== undefined) {
    if (rules.thinking === 'both' && !silenced) {
      return withBudget(reasoning, reasoning.effort === undefined ? undefined : effort, options);
    }
    dropped.push('reasoning.budget_tokens');
  }
  if (silenced) {
    // Effort steers more than thinking: it is kept where thinking has to go.
    dropped.push('reasoning');
    return { thinking: undefined, effort, thinks: false };
  }
  const display = rules.hidesThinking ? { display: 'summarized' } : {};
  return { thinking: { type: 'adaptive', ...display }, effort, thinks: true };
}

function turnOff(rules: ModelRules, dropped: string[]): AnthropicThinking {
  switch (rules.thinkingOff) {
    case 'omit':
      return NONE;
    case 'disabled':
    case 'between_tools':
      return { thinking: { type: rules.thinkingOff }, effort: undefined, thinks: false };
    default:
      dropped.push('reasoning.effort');
      return { thinking: undefined, effort: 'low', thinks: false };
  }
}

function withBudget(
  reasoning: ReasoningOptions,
  effort: string | undefined,
  { maxTokens, dropped }: ThinkingOptions,
): AnthropicThinking {
  if (maxTokens <= SMALLEST_BUDGET) return drop(dropped);
  // What is only an effort leaves a quarter of the limit to the answer itself.
  const level = reasoning.effort === undefined || reasoning.effort === 'none' ? 'medium' : reasoning.effort;
  const wanted = reasoning.budgetTokens ?? Math.min(BUDGETS[level], maxTokens * 0.75);
  const budget = Math.min(Math.max(Math.floor(wanted), SMALLEST_BUDGET), maxTokens - 1);
  return { thinking: { type: 'enabled', budget_tokens: budget }, effort, thinks: true };
}

function drop(dropped: string[]): AnthropicThinking {
  dropped.push('reasoning');
  return NONE;
}

function effortOf(budget: number | undefined): Effort | undefined {
  return budget === undefined ? undefined : EFFORTS.find(([most]) => budget <= most)?.[1];
}

function nearestEffort(effort: Effort, rules: ModelRules): string {
  if (effort === 'minimal') return 'low';
  if (effort !== 'xhigh' && effort !== 'max') return effort;
  if (rules.efforts.includes(effort)) return effort;
  return effort === 'max' ? (rules.efforts.at(-1) ?? 'high') : 'high';
}
