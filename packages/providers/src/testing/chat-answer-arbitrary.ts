import type { AssistantMessage, ChatAnswer, FinishReason, StreamPart, Usage } from '@moltbot/contracts';
import fc from 'fast-check';
import { anyText } from './any-text.js';

/** What a dialect's answers may have no word for; a test of that dialect leaves it out. */
export type ChatAnswerFeature =
  | 'reasoning'
  /** A vendor's seal on reasoning, and encrypted reasoning. */
  | 'reasoning-seals'
  | 'refusals'
  /** Gemini's seal on a tool call. */
  | 'call-seals'
  /** Arguments that are not the canonical text of a JSON object. */
  | 'free-arguments'
  | 'cache-writes'
  /** Deltas of several calls in turns, instead of one call after the other. */
  | 'interleaved-calls'
  /** More than one choice. */
  | 'choices';

export interface ChatAnswerArbitraryOptions {
  readonly without?: readonly ChatAnswerFeature[];
  readonly finishReasons?: readonly FinishReason[];
}

type Has = (feature: ChatAnswerFeature) => boolean;

const FINISH_REASONS: readonly FinishReason[] = ['stop', 'length', 'tool-calls', 'content-filter', 'refusal', 'other'];

/** Any whole answer: reasoning, then text or a refusal, then tool calls. */
export function chatAnswer(options: ChatAnswerArbitraryOptions = {}): fc.Arbitrary<ChatAnswer> {
  const has = asksFor(options);
  return shaped(
    fc.record({
      id: fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/),
      model: fc.stringMatching(/^[a-z0-9.-]{1,24}$/),
      content: content(has),
      finishReason: fc.constantFrom(...(options.finishReasons ?? FINISH_REASONS)),
      usage: fc.option(usage(has), { nil: undefined }),
    }),
    ({ usage: counted, ...answer }) => ({ ...answer, ...(counted !== undefined && { usage: counted }) }),
  );
}

/**
 * Any complete stream in order: start, content of each choice, its finish, usage, end. Texts are never empty; every call has
 * a start before its deltas.
 */
export function streamParts(options: ChatAnswerArbitraryOptions = {}): fc.Arbitrary<readonly StreamPart[]> {
  const has = asksFor(options);
  const reasons = fc.constantFrom(...(options.finishReasons ?? FINISH_REASONS));
  const choices = has('choices') ? fc.integer({ min: 1, max: 3 }) : fc.constant(1);
  return shaped(
    fc.tuple(
      fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/),
      fc.stringMatching(/^[a-z0-9.-]{1,24}$/),
      choices.chain((count) =>
        fc.tuple(...Array.from({ length: count }, (_, choice) => fc.tuple(contentParts(has, choice), reasons))),
      ),
      fc.option(usage(has), { nil: undefined }),
    ),
    ([id, model, perChoice, counted]): readonly StreamPart[] => [
      { type: 'start', id, model },
      ...perChoice.flatMap(([parts]) => parts),
      ...perChoice.map(([, reason], choice): StreamPart => ({ type: 'finish', choice, reason })),
      ...(counted === undefined ? [] : [{ type: 'usage', usage: counted } as const]),
      { type: 'end' },
    ],
  );
}

function asksFor(options: ChatAnswerArbitraryOptions): Has {
  const left = new Set<ChatAnswerFeature>(options.without);
  return (feature) => !left.has(feature);
}

/** The arbitrary's values in their final shape. */
function shaped<Raw, Shape>(arbitrary: fc.Arbitrary<Raw>, shape: (raw: Raw) => Shape): fc.Arbitrary<Shape> {
  return arbitrary.map(shape);
}

function name(): fc.Arbitrary<string> {
  return fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/);
}

function callArguments(has: Has): fc.Arbitrary<string> {
  const canonical = fc
    .dictionary(name(), fc.oneof(anyText(1, 40), fc.integer(), fc.boolean()), { maxKeys: 3 })
    .map((value) => JSON.stringify(value));
  return has('free-arguments') ? fc.oneof(canonical, anyText(0, 40)) : canonical;
}

function content(has: Has): fc.Arbitrary<AssistantMessage['content']> {
  const thought = fc.record(
    {
      type: fc.constant('reasoning' as const),
      text: anyText(1, 40),
      ...(has('reasoning-seals') && { signature: fc.base64String({ minLength: 4 }) }),
    },
    { requiredKeys: ['type', 'text'] },
  );
  const said = anyText(1, 40).map((text) => ({ type: 'text', text }) as const);
  const refused = anyText(1, 40).map((text) => ({ type: 'refusal', text }) as const);
  const call = fc.record(
    {
      name: name(),
      arguments: callArguments(has),
      ...(has('call-seals') && { signature: fc.base64String({ minLength: 4 }) }),
    },
    { requiredKeys: ['name', 'arguments'] },
  );
  return shaped(
    fc.tuple(
      has('reasoning') ? fc.option(thought, { nil: undefined }) : fc.constant(undefined),
      fc.option(has('refusals') ? fc.oneof({ weight: 4, arbitrary: said }, { weight: 1, arbitrary: refused }) : said, {
        nil: undefined,
      }),
      fc.array(call, { maxLength: 3 }),
    ),
    ([reasoning, words, calls]) => [
      ...(reasoning === undefined ? [] : [reasoning]),
      ...(words === undefined ? [] : [words]),
      ...calls.map((given, index) => ({ type: 'tool-call', id: `call_${index}`, ...given }) as const),
    ],
  );
}

function contentParts(has: Has, choice: number): fc.Arbitrary<readonly StreamPart[]> {
  const deltas = (type: 'text-delta' | 'reasoning-delta' | 'refusal-delta'): fc.Arbitrary<readonly StreamPart[]> =>
    fc.array(
      anyText(1, 40).map((text) => ({ type, choice, text })),
      { maxLength: 4 },
    );
  const seal = fc
    .base64String({ minLength: 4 })
    .map((signature): readonly StreamPart[] => [{ type: 'reasoning-seal', choice, signature }]);
  return shaped(
    fc.tuple(
      has('reasoning') ? deltas('reasoning-delta') : fc.constant([]),
      has('reasoning') && has('reasoning-seals') ? fc.oneof(seal, fc.constant([])) : fc.constant([]),
      has('refusals')
        ? fc.oneof({ weight: 4, arbitrary: deltas('text-delta') }, { weight: 1, arbitrary: deltas('refusal-delta') })
        : deltas('text-delta'),
      has('interleaved-calls')
        ? fc.oneof(callParts(has, choice, false), callParts(has, choice, true))
        : callParts(has, choice, false),
    ),
    ([reasoning, sealed, words, calls]) => [...reasoning, ...(reasoning.length > 0 ? sealed : []), ...words, ...calls],
  );
}

/**
 * One call after the other, or all of them in turns. Arguments that come in turns are whole JSON: a dialect that says one call
 * after the other can only tell by it that a call is over.
 */
function callParts(has: Has, choice: number, inTurns: boolean): fc.Arbitrary<readonly StreamPart[]> {
  const free = fc.array(anyText(1, 40), { maxLength: 4 });
  const whole = shaped(
    fc.tuple(
      callArguments(() => false),
      fc.integer({ min: 1, max: 12 }),
    ),
    ([text, size]) =>
      Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size)),
  );
  const call = fc.tuple(
    name(),
    inTurns || !has('free-arguments') ? whole : free,
    has('call-seals') ? fc.option(fc.base64String({ minLength: 4 }), { nil: undefined }) : fc.constant(undefined),
  );
  return shaped(fc.array(call, { maxLength: 3 }), (calls) => {
    const starts = calls.map(([tool, , signature], index): StreamPart => {
      const id = `call_${choice}_${index}`;
      const seal = signature === undefined ? undefined : { signature };
      return Object.assign({ type: 'tool-call-start' as const, choice, index, id, name: tool }, seal);
    });
    const argued = calls.map(([, pieces], index) =>
      pieces.map((piece): StreamPart => ({ type: 'tool-call-delta', choice, index, arguments: piece })),
    );
    if (!inTurns) return starts.flatMap((start, index) => [[start], argued[index] ?? []]).flat();
    const turns = Math.max(0, ...argued.map((pieces) => pieces.length));
    const rounds = Array.from({ length: turns }, (_, turn) => argued.flatMap((pieces) => pieces.slice(turn, turn + 1)));
    return [...starts, ...rounds.flat()];
  });
}

function usage(has: Has): fc.Arbitrary<Usage> {
  const count = fc.integer({ min: 0, max: 1_000_000 });
  return shaped(
    fc.record(
      {
        inputTokens: count,
        outputTokens: count,
        cached: count,
        reasoning: count,
        ...(has('cache-writes') && { written: count }),
      },
      { requiredKeys: ['inputTokens', 'outputTokens'] },
    ),
    ({ inputTokens, outputTokens, cached, reasoning, ...rest }) => {
      const written = 'written' in rest ? rest.written : undefined;
      const all = inputTokens + (cached ?? 0) + (written ?? 0);
      return {
        inputTokens: all,
        outputTokens: outputTokens + (reasoning ?? 0),
        ...(cached !== undefined && { cachedInputTokens: cached }),
        ...(written !== undefined && { cacheWriteTokens: written }),
        ...(reasoning !== undefined && { reasoningTokens: reasoning }),
        source: 'provider',
      };
    },
  );
}
