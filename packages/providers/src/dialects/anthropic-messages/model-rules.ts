/** What one generation of models takes; a request that breaks a rule gets a 400 there. */
export interface ModelRules {
  /** `any`: temperature and top_p; `one`: one of them; `none`: only their defaults. */
  readonly sampling: 'any' | 'one' | 'none';
  /** `budget`: `thinking.budget_tokens`; `both`: that or `adaptive`; `adaptive`: only that, steered by `output_config.effort`. */
  readonly thinking: 'budget' | 'both' | 'adaptive';
  /** How thinking is turned off: by saying nothing, by a type of `thinking`, or not at all. */
  readonly thinkingOff: 'omit' | 'disabled' | 'between_tools' | 'never';
  /** `thinking.display` has to ask for the text: it is left out otherwise. */
  readonly hidesThinking: boolean;
  /** The words of `output_config.effort` above `high`. */
  readonly efforts: readonly ('xhigh' | 'max')[];
  /** `tool_choice` of type `any` and `tool`. */
  readonly forcedToolChoice: boolean;
  /** Whether a forced tool may be asked for together with adaptive thinking. */
  readonly thinksWithForcedTool: boolean;
  /** `output_config.format`, and `strict` on tools. */
  readonly structuredOutput: boolean;
  /** Goes on with an assistant message that ends the request. */
  readonly prefill: boolean;
}

const BEFORE_4_5: ModelRules = {
  sampling: 'any',
  thinking: 'budget',
  thinkingOff: 'omit',
  hidesThinking: false,
  efforts: [],
  forcedToolChoice: true,
  thinksWithForcedTool: false,
  structuredOutput: false,
  prefill: true,
};
const SINCE_4_5: ModelRules = { ...BEFORE_4_5, sampling: 'one', structuredOutput: true };
const SINCE_4_6: ModelRules = { ...SINCE_4_5, thinking: 'both', efforts: ['max'], prefill: false };
const SINCE_4_7: ModelRules = {
  ...SINCE_4_6,
  sampling: 'none',
  thinking: 'adaptive',
  hidesThinking: true,
  efforts: ['xhigh', 'max'],
};
const SINCE_5: ModelRules = { ...SINCE_4_7, thinkingOff: 'disabled', thinksWithForcedTool: true };
const ALWAYS_THINKS: ModelRules = { ...SINCE_5, thinkingOff: 'never' };
const UNFORCED: ModelRules = { ...ALWAYS_THINKS, forcedToolChoice: false };

/** A name with `claude` in it and nothing else that is known: taken for one of today's. */
const CURRENT = ALWAYS_THINKS;
/** Another vendor's model behind this API. Some begin anew instead of going on, and say nothing of it. */
const FOREIGN: ModelRules = { ...BEFORE_4_5, thinkingOff: 'disabled', prefill: false };

/** First row whose line (or any) and lowest version fit; a version is major * 100 + minor. */
const ROWS: readonly (readonly [line: string | undefined, version: number, rules: ModelRules])[] = [
  ['opus', 505, UNFORCED],
  ['opus', 500, SINCE_5],
  ['opus', 407, SINCE_4_7],
  ['opus', 406, SINCE_4_6],
  ['sonnet', 505, { ...UNFORCED, thinkingOff: 'between_tools' }],
  ['sonnet', 500, SINCE_5],
  ['sonnet', 406, SINCE_4_6],
  ['haiku', 505, SINCE_5],
  ['fable', 501, UNFORCED],
  ['fable', 0, ALWAYS_THINKS],
  ['mythos', 501, UNFORCED],
  ['mythos', 0, ALWAYS_THINKS],
  [undefined, 500, CURRENT],
  [undefined, 405, SINCE_4_5],
  [undefined, 0, BEFORE_4_5],
];

/** `claude-opus-4-5-20251101`, `claude-3-5-sonnet-latest`, `anthropic/claude-opus-4.5`, `anthropic.claude-v2:1`; a date is no version. */
const NAME = /claude-(?:([a-z]{2,12})-)?v?(\d{1,2})(?!\d)(?:[.-](\d{1,2})(?!\d))?/;

const KNOWN = new Map<string, ModelRules>();
const MOST_KNOWN = 500;

/**
 * What a model takes, from its name, which is all there is: the API says it nowhere in an answer.
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking, …/build-with-claude/effort and the migration guides
 */
export function modelRules(model: string): ModelRules {
  const known = KNOWN.get(model);
  if (known !== undefined) return known;
  const rules = readRules(model.toLowerCase());
  if (KNOWN.size < MOST_KNOWN) KNOWN.set(model, rules);
  return rules;
}

function readRules(model: string): ModelRules {
  if (!model.includes('claude')) return FOREIGN;
  if (model.includes('claude-instant')) return BEFORE_4_5;
  const [, line, major, minor] = NAME.exec(model) ?? [];
  if (major === undefined) return CURRENT;
  const version = Number(major) * 100 + Number(minor ?? 0);
  return ROWS.find((row) => (row[0] === undefined || row[0] === line) && version >= row[1])?.[2] ?? CURRENT;
}
