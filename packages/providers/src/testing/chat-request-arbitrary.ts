import type {
  AssistantMessage,
  ChatRequest,
  ImagePart,
  Json,
  Message,
  ReasoningPart,
  RefusalPart,
  ResponseFormat,
  SystemMessage,
  TextPart,
  ToolCallPart,
  ToolDefinition,
  ToolMessage,
  UserMessage,
} from '@moltbot/contracts';
import fc from 'fast-check';
import { anyText } from './any-text.js';

/** What a dialect may have no word for; a test of that dialect leaves it out. */
export type ChatRequestFeature =
  /** System messages after the first user message, or more than one of them. */
  | 'late-system'
  | 'empty-text'
  | 'image-url'
  | 'image-detail'
  | 'images-in-tool-results'
  | 'tool-errors'
  /** Reasoning before an assistant's text. */
  | 'reasoning-parts'
  /** A vendor's seal on reasoning, and encrypted reasoning. */
  | 'reasoning-seals'
  | 'refusals'
  /** Gemini's seal on a tool call. */
  | 'call-seals'
  /** Arguments that are not the canonical text of a JSON object. */
  | 'free-arguments'
  /** Tools without a schema of their arguments. */
  | 'bare-tools'
  | 'strict-tools'
  | 'parallel-tool-calls'
  | 'json-format'
  /** Name, description and strictness of a JSON schema format. */
  | 'schema-details'
  | 'json-schema-format'
  | 'effort'
  | 'reasoning-budget'
  | 'hot-temperature'
  | 'top-k'
  | 'penalties'
  | 'stop'
  | 'seed'
  | 'choices'
  | 'user'
  | 'metadata';

export interface ChatRequestArbitraryOptions {
  readonly without?: readonly ChatRequestFeature[];
}

/** Any valid request: turns of user and assistant in order, each tool call answered before the next turn. */
export function chatRequest(options: ChatRequestArbitraryOptions = {}): fc.Arbitrary<ChatRequest> {
  const left = new Set<ChatRequestFeature>(options.without);
  const has = (feature: ChatRequestFeature): boolean => !left.has(feature);
  const settings = fc.record(
    {
      maxOutputTokens: fc.integer({ min: 1, max: 200_000 }),
      temperature: fc.double({ min: 0, max: has('hot-temperature') ? 2 : 1, noNaN: true }).map(plain),
      topP: fc.double({ min: 0, max: 1, noNaN: true }).map(plain),
      ...(has('top-k') && { topK: fc.integer({ min: 1, max: 500 }) }),
      ...(has('penalties') && {
        frequencyPenalty: fc.double({ min: -2, max: 2, noNaN: true }).map(plain),
        presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }).map(plain),
      }),
      ...(has('stop') && { stop: fc.array(anyText(1, 20), { minLength: 1, maxLength: 4 }) }),
      ...(has('seed') && { seed: fc.maxSafeInteger() }),
      ...(has('choices') && { choices: fc.integer({ min: 2, max: 8 }) }),
      ...(has('user') && { user: anyText(1, 64) }),
      ...(has('metadata') && { metadata: fc.dictionary(name(), anyText(0, 40), { minKeys: 1, maxKeys: 4 }) }),
      ...((has('effort') || has('reasoning-budget')) && { reasoning: reasoningOptions(has) }),
      ...((has('json-format') || has('json-schema-format')) && { responseFormat: responseFormat(has) }),
    },
    { requiredKeys: [] },
  );
  return shaped(
    fc.tuple(conversation(has), settings, fc.option(toolSettings(has), { nil: undefined })),
    ([messages, common, tools]) => ({ messages, ...common, ...tools, unknownFields: [] }),
  );
}

type Has = (feature: ChatRequestFeature) => boolean;

/** -0 does not survive JSON. */
function plain(number: number): number {
  return number === 0 ? 0 : number;
}

function name(): fc.Arbitrary<string> {
  return fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/);
}

/** The arbitrary's values in their final shape. */
function shaped<Raw, Shape>(arbitrary: fc.Arbitrary<Raw>, shape: (raw: Raw) => Shape): fc.Arbitrary<Shape> {
  return arbitrary.map(shape);
}

function json(): fc.Arbitrary<Json> {
  return fc
    .jsonValue({ maxDepth: 2, noUnicodeString: false })
    .map((value) => JSON.parse(JSON.stringify(value)) as Json);
}

function jsonObject(): fc.Arbitrary<{ readonly [key: string]: Json }> {
  return fc.dictionary(name(), json(), { maxKeys: 4 });
}

function text(has: Has): fc.Arbitrary<TextPart> {
  return anyText(has('empty-text') ? 0 : 1, 60).map((value) => ({ type: 'text', text: value }));
}

function image(has: Has): fc.Arbitrary<ImagePart> {
  const base64 = fc
    .tuple(fc.constantFrom('image/png', 'image/jpeg', 'image/gif', 'image/webp'), fc.base64String({ minLength: 4 }))
    .map(([mediaType, data]): ImagePart['source'] => ({ type: 'base64', mediaType, data }));
  const url = fc.webUrl().map((address): ImagePart['source'] => ({ type: 'url', url: address }));
  const source = has('image-url') ? fc.oneof(base64, url) : base64;
  const detail = has('image-detail') ? fc.constantFrom('auto', 'low', 'high', undefined) : fc.constant(undefined);
  return shaped(fc.tuple(source, detail), ([from, level]) => ({
    type: 'image',
    source: from,
    ...(level !== undefined && { detail: level }),
  }));
}

function toolCall(has: Has): fc.Arbitrary<Omit<ToolCallPart, 'id'>> {
  const canonical = jsonObject().map((value) => JSON.stringify(value));
  return fc.record(
    {
      type: fc.constant('tool-call' as const),
      name: name(),
      arguments: has('free-arguments') ? fc.oneof(canonical, anyText(0, 30)) : canonical,
      ...(has('call-seals') && { signature: fc.base64String({ minLength: 4 }) }),
    },
    { requiredKeys: ['type', 'name', 'arguments'] },
  );
}

function reasoning(has: Has): fc.Arbitrary<ReasoningPart> {
  const open = fc.record(
    {
      type: fc.constant('reasoning' as const),
      text: anyText(1, 40),
      ...(has('reasoning-seals') && { signature: fc.base64String({ minLength: 4 }) }),
    },
    { requiredKeys: ['type', 'text'] },
  );
  if (!has('reasoning-seals')) return open;
  const sealed = fc
    .base64String({ minLength: 4 })
    .map((redacted): ReasoningPart => ({ type: 'reasoning', text: '', redacted }));
  return fc.oneof(open, sealed);
}

/** One turn: what the user says, what the assistant says, what its tools gave. */
function turn(has: Has): fc.Arbitrary<readonly Message[]> {
  const user = fc
    .array(fc.oneof({ weight: 3, arbitrary: text(has) }, { weight: 1, arbitrary: image(has) }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((content): UserMessage => ({ role: 'user', content }));
  const said: fc.Arbitrary<readonly (TextPart | RefusalPart)[]> = has('refusals')
    ? fc.oneof(
        { weight: 5, arbitrary: fc.array(text(has), { maxLength: 2 }) },
        { weight: 1, arbitrary: anyText(1, 30).map((value) => [{ type: 'refusal', text: value } as const]) },
      )
    : fc.array(text(has), { maxLength: 2 });
  const result = fc.record(
    {
      content: fc.array(has('images-in-tool-results') ? fc.oneof(text(has), image(has)) : text(has), {
        minLength: 1,
        maxLength: 2,
      }),
      ...(has('tool-errors') && { isError: fc.constant(true) }),
    },
    { requiredKeys: ['content'] },
  );
  return shaped(
    fc.tuple(
      user,
      has('reasoning-parts') ? fc.option(reasoning(has), { nil: undefined }) : fc.constant(undefined),
      said,
      fc.array(fc.tuple(toolCall(has), result), { maxLength: 3 }),
      fc.stringMatching(/^[a-f0-9]{4,12}$/),
    ),
    ([asked, thought, words, calls, seed]) => {
      const parts: AssistantMessage['content'] = [
        ...(thought === undefined ? [] : [thought]),
        ...words,
        ...calls.map(([call], index) => ({ ...call, id: `call_${seed}_${index}` })),
      ];
      // What was thought is only sent along with something said or done.
      if (words.length === 0 && calls.length === 0) return [asked];
      const results = calls.map(
        ([, given], index): ToolMessage => ({ role: 'tool', toolCallId: `call_${seed}_${index}`, ...given }),
      );
      return [asked, { role: 'assistant', content: parts }, ...results];
    },
  );
}

function conversation(has: Has): fc.Arbitrary<readonly Message[]> {
  const system = fc
    .array(text(has), { minLength: 1, maxLength: 2 })
    .map((content): SystemMessage => ({ role: 'system', content }));
  const opening = fc.array(system, { maxLength: 1 });
  const interjection = has('late-system') ? fc.array(system, { maxLength: 1 }) : fc.constant([]);
  return shaped(
    fc.tuple(opening, fc.array(fc.tuple(turn(has), interjection), { minLength: 1, maxLength: 3 })),
    ([first, turns]) => [...first, ...turns.flatMap(([messages, late]) => [...messages, ...late])],
  );
}

function toolSettings(has: Has): fc.Arbitrary<Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'>> {
  const schema = fc
    .dictionary(name(), fc.constantFrom({ type: 'string' }, { type: 'number' }), { maxKeys: 3 })
    .map((properties): Json => ({ type: 'object', properties }));
  const tool: fc.Arbitrary<ToolDefinition> = fc.record(
    {
      name: name(),
      description: anyText(1, 40),
      parameters: schema,
      ...(has('strict-tools') && { strict: fc.boolean() }),
    },
    { requiredKeys: has('bare-tools') ? ['name'] : ['name', 'parameters'] },
  );
  return fc.uniqueArray(tool, { minLength: 1, maxLength: 4, selector: (given) => given.name }).chain((tools) =>
    fc.record(
      {
        tools: fc.constant(tools),
        toolChoice: fc.oneof(
          fc.constantFrom('auto' as const, 'none' as const, 'required' as const),
          fc.constantFrom(...tools.map((given) => ({ tool: given.name }))),
        ),
        ...(has('parallel-tool-calls') && { parallelToolCalls: fc.boolean() }),
      },
      { requiredKeys: ['tools'] },
    ),
  );
}

function reasoningOptions(has: Has): fc.Arbitrary<NonNullable<ChatRequest['reasoning']>> {
  const effort = fc
    .constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')
    .map((level) => ({ effort: level }) as const);
  const budget = fc.integer({ min: 1_024, max: 64_000 }).map((budgetTokens) => ({ budgetTokens }));
  if (!has('effort')) return budget;
  return has('reasoning-budget') ? fc.oneof(effort, budget) : effort;
}

function responseFormat(has: Has): fc.Arbitrary<ResponseFormat> {
  const schema = shaped(
    fc.record(
      {
        name: has('schema-details') ? name() : fc.constant('answer'),
        schema: fc
          .dictionary(name(), fc.constantFrom({ type: 'string' }, { type: 'number' }), { maxKeys: 3 })
          .map((properties): Json => ({ type: 'object', properties, additionalProperties: false })),
        ...(has('schema-details') && { description: anyText(1, 30), strict: fc.boolean() }),
      },
      { requiredKeys: ['name', 'schema'] },
    ),
    (format): ResponseFormat => ({ type: 'json-schema', ...format }),
  );
  const json = fc.constantFrom<ResponseFormat>({ type: 'text' }, { type: 'json' });
  if (!has('json-schema-format')) return json;
  return has('json-format') ? fc.oneof(json, schema) : schema;
}
