import { describe, expect, it } from '@jest/globals';
import type { ChatAnswer, ChatRequest, FinishReason, Message, StreamPart, Usage } from '@moltbot/contracts';
import fc from 'fast-check';
import type { AnswerContext } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import { chatAnswer, streamParts } from '../../testing/chat-answer-arbitrary.js';
import { chatRequest, type ChatRequestFeature } from '../../testing/chat-request-arbitrary.js';
import { openAiResponsesDoor } from './door.js';
import { openAiResponsesWire } from './wire.js';

/** What the API has no word for, or says in another way than it was given. */
const NO_WORD: readonly ChatRequestFeature[] = [
  'late-system',
  'empty-text',
  'tool-errors',
  'reasoning-parts',
  'reasoning-seals',
  'call-seals',
  'reasoning-budget',
  'bare-tools',
  'penalties',
  'top-k',
  'stop',
  'seed',
  'choices',
];

const TURN = { model: 'a-model', stream: false, streamUsage: false, defaultMaxOutputTokens: 1_000 } as const;
const REASONS: readonly FinishReason[] = ['stop', 'length', 'tool-calls', 'content-filter', 'other'];

const context = (more: Partial<AnswerContext>): AnswerContext => ({
  id: 'resp_1',
  created: 1_762_419_000,
  model: 'openai:gpt',
  includeUsage: true,
  estimatedInputTokens: 1,
  ...more,
});

/** The dialect says 0 where there is nothing to count. */
function counted(usage: Usage | undefined): Usage | undefined {
  const { cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return usage && { ...usage, cachedInputTokens, cacheWriteTokens, reasoningTokens };
}

const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value;

describe('a request', () => {
  it('survives its way to OpenAI and back', () => {
    fc.assert(
      fc.property(chatRequest({ without: NO_WORD }), (request) => {
        const { body, dropped } = openAiResponsesWire.toRequest({ ...TURN, request });
        const back = openAiResponsesDoor.fromRequest(JSON.parse(body.toString()) as JsonObject);
        // What is below the API's least is raised, and said to be.
        const { maxOutputTokens: limit } = request;
        const isSmall = limit !== undefined && limit < 16;
        expect(dropped).toEqual(isSmall ? ['max_output_tokens (16 instead)'] : []);
        expect(plain(back)).toEqual(plain({ ...told(request), ...(isSmall ? { maxOutputTokens: 16 } : {}) }));
      }),
      { numRuns: 200 },
    );
  });

  it('of any kind is said as far as the API can, with what it can’t take named', () => {
    fc.assert(
      fc.property(chatRequest(), fc.constantFrom('gpt-4o', 'o3', 'gpt-5', 'gpt-5.2', 'a-model'), (request, model) => {
        const { body, dropped } = openAiResponsesWire.toRequest({ ...TURN, model, request });
        const back = openAiResponsesDoor.fromRequest(JSON.parse(body.toString()) as JsonObject);
        for (const name of ['temperature', 'stop', 'seed', 'top_k'] as const) {
          const key = name === 'top_k' ? 'topK' : name;
          const isAsked = Array.isArray(request[key]) ? request[key].length > 0 : request[key] !== undefined;
          expect(back[key] === undefined && isAsked).toBe(dropped.includes(name));
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** Tools are strict or not, a format of plain text is no format, images say how exact they are looked at. */
function told(request: ChatRequest): object {
  const { tools, responseFormat, messages, ...rest } = request;
  return {
    ...rest,
    messages: messages.map(toldMessage),
    ...(tools === undefined ? {} : { tools: tools.map((tool) => ({ ...tool, strict: tool.strict ?? false })) }),
    ...(responseFormat === undefined || responseFormat.type === 'text' ? {} : { responseFormat }),
  };
}

function toldMessage(message: Message): unknown {
  const content = message.content.map((part) =>
    part.type === 'image' ? { ...part, detail: part.detail ?? 'auto' } : part,
  );
  const texts = content.map((part) => ('text' in part ? part.text : ''));
  if (message.role === 'system') return { ...message, content: [{ type: 'text', text: texts.join('') }] };
  if (message.role !== 'tool' || !content.every((part) => part.type === 'text')) return { ...message, content };
  return { ...message, content: [{ type: 'text', text: texts.join('') }] };
}

describe('a whole answer', () => {
  it('survives its way to the caller and back', () => {
    const answers = chatAnswer({ without: ['reasoning-seals', 'call-seals'], finishReasons: REASONS });
    fc.assert(
      fc.property(answers, (answer) => {
        const { id, model = '' } = answer;
        const said = openAiResponsesDoor.toAnswer(answer, context({ id: `resp_${id}`, model }));
        const read = openAiResponsesWire.fromAnswer(Buffer.from(JSON.stringify(said)));
        expect(read.answer()).toEqual({ ...asReadWhole(answer), id: `resp_${id}`, usage: counted(answer.usage) });
        expect(read.usage).toEqual(counted(answer.usage));
      }),
      { numRuns: 200 },
    );
  });

  it('comes back in the next turn as it was, other vendors’ seals too', () => {
    fc.assert(
      fc.property(chatAnswer(), (answer) => {
        const { output } = openAiResponsesDoor.toAnswer(answer, context({})) as { output: JsonObject[] };
        const question = { role: 'user', content: 'And then?' };
        const request = openAiResponsesDoor.fromRequest(plain({ input: [...output, question] }));
        const [first, second] = request.messages;
        expect(request.unknownFields).toEqual([]);
        expect(answer.content.length === 0 ? [] : first?.content).toEqual(answer.content);
        expect(answer.content.length === 0 ? first?.role : second?.role).toBe('user');
      }),
      { numRuns: 200 },
    );
  });
});

/** Finish reasons that follow from what was said. */
function asReadWhole(answer: ChatAnswer): ChatAnswer {
  const { content, finishReason } = answer;
  if (finishReason !== 'stop' && finishReason !== 'tool-calls') return answer;
  if (content.some((part) => part.type === 'tool-call')) return { ...answer, finishReason: 'tool-calls' };
  const isRefusal = content.some((part) => part.type === 'refusal') && !content.some((part) => part.type === 'text');
  return { ...answer, finishReason: isRefusal ? 'refusal' : 'stop' };
}

describe('a stream', () => {
  it('survives its way to the caller and back, however it is written and cut', () => {
    const answers = streamParts({ without: ['reasoning-seals', 'call-seals', 'choices'], finishReasons: REASONS });
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(answers, sizes, sizes, (parts, writes, cuts) => {
        const start = parts[0];
        const named = start?.type === 'start' ? start : undefined;
        const id = `resp_${named?.id}`;
        const writer = openAiResponsesDoor.createStreamWriter(context({ id, model: named?.model ?? '' }));
        let text = '';
        for (const piece of cut(parts, writes)) text += writer.write(piece);
        text += writer.end();
        const bytes = Buffer.from(text);
        const reader = openAiResponsesWire.createStreamReader({ keepUsage: true });
        const frames = cutBytes(bytes, cuts).map((piece) => reader.read(piece));
        expect(frames.flatMap((frame) => frame.parts)).toEqual(asRead(parts, id));
        expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes)).toBe(true);
        expect(reader.finished).toBe(true);
        expect(sequenceOf(text)).toEqual(sequenceOf(text).map((_, index) => index));
      }),
      { numRuns: 200 },
    );
  });
});

function sequenceOf(text: string): unknown[] {
  const events = text.split('\n').filter((line) => line.startsWith('data: '));
  return events.map((line) => (JSON.parse(line.slice(6)) as JsonObject)['sequence_number']);
}

function asRead(parts: readonly StreamPart[], id: string): readonly StreamPart[] {
  const has = (type: StreamPart['type']) => parts.some((part) => part.type === type);
  return parts.map((part): StreamPart => {
    if (part.type === 'start') return { ...part, id };
    if (part.type === 'usage') return { type: 'usage', usage: counted(part.usage) ?? part.usage };
    if (part.type !== 'finish' || (part.reason !== 'stop' && part.reason !== 'tool-calls')) return part;
    if (has('tool-call-start')) return { ...part, reason: 'tool-calls' };
    return { ...part, reason: has('refusal-delta') && !has('text-delta') ? 'refusal' : 'stop' };
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
