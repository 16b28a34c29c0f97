/** What a directive's value is. `duration`: `20ms`, `3s`, `2m`, a bare number is seconds. */
type ValueKind = 'flag' | 'count' | 'optional-count' | 'status' | 'duration' | 'word';

interface DirectiveRow {
  readonly value: ValueKind;
  /** As written in a model's name. */
  readonly example: string;
  readonly does: string;
  /** `fault`: something fails, and `times` ends it; `shape`: how a good answer looks. */
  readonly effect: 'fault' | 'shape' | 'control';
}

/** The one table of what a demo model's name can ask for: parsing, the docs and the error message follow from it. */
const TABLE = {
  status: {
    value: 'status',
    example: 'status=503',
    effect: 'fault',
    does: 'answers with this HTTP status (400 to 599)',
  },
  code: {
    value: 'word',
    example: 'code=insufficient_quota',
    effect: 'fault',
    does: 'the `code` of the error that `status` sends',
  },
  'retry-after': {
    value: 'duration',
    example: 'retry-after=2',
    effect: 'fault',
    does: 'adds `Retry-After` in seconds; status 429 where none is given',
  },
  'retry-after-ms': {
    value: 'count',
    example: 'retry-after-ms=1500',
    effect: 'fault',
    does: 'adds `retry-after-ms`; status 429 where none is given',
  },
  'retry-after-date': {
    value: 'duration',
    example: 'retry-after-date=2',
    effect: 'fault',
    does: 'adds `Retry-After` as a date that far ahead; status 429 where none is given',
  },
  times: {
    value: 'count',
    example: 'times=2',
    effect: 'control',
    does: 'only the first so many calls of this exact model name fail, then it is healthy',
  },
  reset: {
    value: 'flag',
    example: 'reset',
    effect: 'fault',
    does: 'the connection is reset before the response headers',
  },
  'reset-mid-headers': {
    value: 'flag',
    example: 'reset-mid-headers',
    effect: 'fault',
    does: 'the connection breaks in the middle of the response headers',
  },
  silence: { value: 'flag', example: 'silence', effect: 'fault', does: 'takes the request and never answers' },
  slow: {
    value: 'duration',
    example: 'slow=3s',
    effect: 'fault',
    does: 'the first content comes this late; a stream has headers, a role event and keep-alives meanwhile',
  },
  cut: { value: 'count', example: 'cut=40', effect: 'fault', does: 'the connection breaks after so many tokens' },
  stall: {
    value: 'count',
    example: 'stall=40',
    effect: 'fault',
    does: 'nothing more comes after so many tokens; the connection stays open',
  },
  malformed: {
    value: 'count',
    example: 'malformed=10',
    effect: 'fault',
    does: 'after so many tokens comes an event that is no JSON',
  },
  'error-event': {
    value: 'count',
    example: 'error-event=5',
    effect: 'fault',
    does: 'after so many tokens (0: before the first) comes an `error` event',
  },
  'no-end': {
    value: 'flag',
    example: 'no-end',
    effect: 'fault',
    does: 'the stream ends cleanly, but without finish reason and `[DONE]`',
  },
  'no-done': {
    value: 'flag',
    example: 'no-done',
    effect: 'fault',
    does: 'finish reason and usage come, `[DONE]` does not, and the connection stays open',
  },
  'no-prefill': {
    value: 'flag',
    example: 'no-prefill',
    effect: 'fault',
    does: 'a request that ends in an assistant message gets a 400',
  },
  html: { value: 'flag', example: 'html', effect: 'fault', does: 'a 200 that is an HTML page' },
  empty: { value: 'flag', example: 'empty', effect: 'fault', does: 'a 200 with an empty body' },
  'error-200': { value: 'flag', example: 'error-200', effect: 'fault', does: 'a 200 whose body is an error object' },
  'half-json': { value: 'flag', example: 'half-json', effect: 'fault', does: 'a 200 whose JSON ends in the middle' },
  context: {
    value: 'count',
    example: 'context=100',
    effect: 'fault',
    does: '400 `context_length_exceeded` for a conversation of more than so many (estimated) tokens',
  },
  filter: { value: 'flag', example: 'filter', effect: 'fault', does: '400 `content_filter`' },
  rate: {
    value: 'duration',
    example: 'rate=20ms',
    effect: 'shape',
    does: 'time between two tokens of a stream (5ms where not given)',
  },
  tokens: { value: 'count', example: 'tokens=120', effect: 'shape', does: 'length of the answer (20,000 at most)' },
  reasoning: {
    value: 'count',
    example: 'reasoning=20',
    effect: 'shape',
    does: 'so many reasoning tokens come before the answer',
  },
  tool: {
    value: 'optional-count',
    example: 'tool',
    effect: 'shape',
    does: 'calls a tool where tools are given (`tool=2`: two calls at once)',
  },
  refuse: { value: 'flag', example: 'refuse', effect: 'shape', does: 'declines in a refusal' },
} as const satisfies Record<string, DirectiveRow>;

export type DemoDirectiveName = keyof typeof TABLE;

type ValueOf<Kind extends ValueKind> = Kind extends 'flag' ? true : Kind extends 'word' ? string : number;

/** Values by directive; durations in milliseconds. */
export type DemoDirectives = {
  readonly [Name in DemoDirectiveName]?: ValueOf<(typeof TABLE)[Name]['value']>;
};

/** For docs and help: what each directive looks like and does. */
export const demoDirectives: readonly {
  readonly name: DemoDirectiveName;
  readonly value: ValueKind;
  readonly example: string;
  readonly does: string;
}[] = Object.entries(TABLE).map(([name, row]) => ({
  name: name as DemoDirectiveName,
  value: row.value,
  example: row.example,
  does: row.does,
}));

/** As long as any model's name may be. */
const MAX_NAME_LENGTH = 256;

/** How each kind of value is written; nothing after a flag. */
const PATTERNS: Readonly<Record<ValueKind, RegExp>> = {
  flag: /^(?!)/,
  count: /^\d{1,7}$/,
  'optional-count': /^[1-9]\d?$/,
  status: /^[45]\d\d$/,
  duration: /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?$/,
  word: /^[\w.-]{1,100}$/,
};

export type ParsedDemoModel =
  | { readonly ok: true; readonly directives: DemoDirectives }
  | { readonly ok: false; readonly message: string };

/**
 * Reads a demo model's name: `assistant` (also `assistant-2`), or directives with commas between them and an optional name
 * before them: `status=503`, `backup,cut=40,rate=20ms`.
 */
export function parseDemoModel(model: string): ParsedDemoModel {
  if (model.length > MAX_NAME_LENGTH) return { ok: false, message: unknownMessage(model, model) };
  if (/^assistant(-[\w.-]+)?$/.test(model)) return { ok: true, directives: {} };
  const items = model.split(',');
  const [first] = items;
  const named = items.length > 1 && first !== undefined && !first.includes('=') && !isDirective(first);
  const directives: Partial<Record<DemoDirectiveName, string | number | true>> = {};
  for (const item of named ? items.slice(1) : items) {
    const equals = item.indexOf('=');
    const name = equals === -1 ? item : item.slice(0, equals);
    if (!isDirective(name)) return { ok: false, message: unknownMessage(model, name) };
    const value = parseValue(TABLE[name].value, equals === -1 ? undefined : item.slice(equals + 1));
    if (value === undefined) {
      return {
        ok: false,
        message: `The demo model \`${short(model)}\` has a directive it can't read: \`${short(item)}\`. It is written \`${TABLE[name].example}\`.`,
      };
    }
    directives[name] = value;
  }
  return { ok: true, directives: directives as DemoDirectives };
}

/** What is left of the directives when `times` is used up. */
export function withoutFaults(directives: DemoDirectives): DemoDirectives {
  return Object.fromEntries(
    Object.entries(directives).filter(([name]) => TABLE[name as DemoDirectiveName].effect === 'shape'),
  );
}

function isDirective(name: string): name is DemoDirectiveName {
  return Object.hasOwn(TABLE, name);
}

function parseValue(kind: ValueKind, text: string | undefined): string | number | true | undefined {
  if (text === undefined) return kind === 'flag' ? true : kind === 'optional-count' ? 1 : undefined;
  const pattern = PATTERNS[kind];
  if (!pattern.test(text)) return undefined;
  if (kind === 'word') return text;
  return kind === 'duration' ? parseDuration(text) : Number(text);
}

/** At most an hour: no timer overflows. */
function parseDuration(text: string): number | undefined {
  const match = PATTERNS.duration.exec(text);
  const unit = { ms: 1, s: 1_000, m: 60_000 }[(match?.[2] ?? 's') as 'ms' | 's' | 'm'];
  const ms = Math.round(Number(match?.[1]) * unit);
  return ms <= 3_600_000 ? ms : undefined;
}

function short(text: string): string {
  return text.length <= MAX_NAME_LENGTH ? text : `${text.slice(0, 60)}…`;
}

function unknownMessage(model: string, name: string): string {
  const known = demoDirectives.map((row) => row.example).join(', ');
  return `The demo has no model \`${short(model)}\`: \`${short(name)}\` is no directive. It has \`assistant\`, and names made of: ${known}.`;
}
