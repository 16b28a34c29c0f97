import { describe, expect, it } from '@jest/globals';
import type { ChatAnswer, FinishReason, StreamPart, Usage } from '@moltbot/contracts';
import fc from 'fast-check';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerContext } from '../../dialect-door.js';
import { chatAnswer, streamParts } from '../../testing/chat-answer-arbitrary.js';
import { chatRequest, type ChatRequestFeature } from '../../testing/chat-request-arbitrary.js';
import type { ChatWire } from '../../wire.js';
import { openAiChatDoor } from './door.js';
import { createOpenAiChatWire } from './wire.js';

const openAi = createOpenAiChatWire({ compatible: false });
const compatible = createOpenAiChatWire({ compatible: true });

/** What the dialect, or a compatible server, has no word for. */
const NO_WORD: readonly ChatRequestFeature[] = [
  'images-in-tool-results',
  'tool-errors',
  'reasoning-parts',
  'reasoning-seals',
  'call-seals',
  'reasoning-budget',
  'top-k',
  'metadata',
];
const NO_WORD_AT_OTHERS: readonly ChatRequestFeature[] = [...NO_WORD, 'refusals', 'effort'];

const TURN = { model: 'a-model', stream: false, streamUsage: false, defaultMaxOutputTokens: 1_000 } as const;

const context = (more: Partial<AnswerContext>): AnswerContext => ({
  id: 'chatcmpl-1',
  created: 1_762_419_000,
  model: 'openai:gpt',
  includeUsage: true,
  estimatedInputTokens: 1,
  ...more,
});

/** Finish reasons with a word of their own; `refusal` is said as `content_filter`. */
const REASONS: readonly FinishReason[] = ['stop', 'length', 'tool-calls', 'content-filter', 'other'];

/** The dialect says 0 where there is nothing to count. */
function counted(usage: Usage | undefined): Usage | undefined {
  return (
    usage && { ...usage, cachedInputTokens: usage.cachedInputTokens ?? 0, reasoningTokens: usage.reasoningTokens ?? 0 }
  );
}

describe('a request', () => {
  it.each([
    ['OpenAI', openAi, NO_WORD],
    ['compatible servers', compatible, NO_WORD_AT_OTHERS],
  ] as const)('survives its way to %s and back', (_, wire: ChatWire, without) => {
    fc.assert(
      fc.property(chatRequest({ without }), (request) => {
        const { body, dropped } = wire.toRequest({ ...TURN, request });
        expect(dropped).toEqual([]);
        expect(openAiChatDoor.fromRequest(JSON.parse(body.toString()) as JsonObject)).toEqual(request);
      }),
      { numRuns: 200 },
    );
  });

  it('of any kind is said as far as the API can, with what it can’t take named', () => {
    fc.assert(
      fc.property(chatRequest(), fc.constantFrom('gpt-4o', 'o3', 'gpt-5', 'gpt-5.2', 'a-model'), (request, model) => {
        for (const wire of [openAi, compatible]) {
          const { body, dropped } = wire.toRequest({ ...TURN, model, request });
          const back = openAiChatDoor.fromRequest(JSON.parse(body.toString()) as JsonObject);
          expect(back.messages.length).toBeGreaterThanOrEqual(request.messages.length);
          expect(dropped.includes('top_k')).toBe(request.topK !== undefined);
          for (const name of ['temperature', 'stop', 'seed'] as const) {
            expect(back[name] === undefined && request[name] !== undefined).toBe(dropped.includes(name));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a whole answer', () => {
  it('survives its way to the caller and back', () => {
    const answers = chatAnswer({ without: ['reasoning-seals'], finishReasons: REASONS });
    fc.assert(
      fc.property(answers, (answer) => {
        const { id, model } = answer;
        const said = openAiChatDoor.toAnswer(answer, context({ id: id ?? '', model: model ?? '' }));
        const read = openAi.fromAnswer(Buffer.from(JSON.stringify(said)));
        const refused = answer.content.some((part) => part.type === 'refusal') && answer.finishReason === 'stop';
        const expected: ChatAnswer = { ...answer, finishReason: refused ? 'refusal' : answer.finishReason };
        expect(read.answer()).toEqual({ ...expected, usage: counted(answer.usage) });
        expect(read.usage).toEqual(counted(answer.usage));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a stream', () => {
  it('survives its way to the caller and back, however it is written and cut', () => {
    const answers = streamParts({ without: ['reasoning-seals'], finishReasons: REASONS });
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(answers, sizes, sizes, (parts, writes, cuts) => {
        const start = parts[0];
        const named = start?.type === 'start' ? start : undefined;
        const writer = openAiChatDoor.createStreamWriter(context({ id: named?.id ?? '', model: named?.model ?? '' }));
        let text = '';
        for (const piece of cut(parts, writes)) text += writer.write(piece);
        text += writer.end();
        const bytes = Buffer.from(text);
        const reader = openAi.createStreamReader({ keepUsage: true });
        const frames = cutBytes(bytes, cuts).map((piece) => reader.read(piece));
        expect(frames.flatMap((frame) => frame.parts)).toEqual(asRead(parts));
        expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes)).toBe(true);
        expect(reader.finished).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

function asRead(parts: readonly StreamPart[]): readonly StreamPart[] {
  const refused = new Set(parts.flatMap((part) => (part.type === 'refusal-delta' ? [part.choice] : [])));
  return parts.map((part): StreamPart => {
    if (part.type === 'usage') return { type: 'usage', usage: counted(part.usage) ?? part.usage };
    if (part.type !== 'finish' || part.reason !== 'stop' || !refused.has(part.choice)) return part;
    return { ...part, reason: 'refusal' };
  });
}

function cut<Item>(items: readonly Item[], sizes: readonly number[]): Item[][] {
  const pieces: Item[][] = [];
  let from = 0;
  for (let turn = 0; from < items.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(items.slice(from, from + size));
    from += size;
  }
  return pieces;
}

function cutBytes(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let turn = 0; from < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return pieces;
}
