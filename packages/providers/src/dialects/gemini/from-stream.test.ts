import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { StreamPart } from '@moltbot/contracts';
import fc from 'fast-check';
import { ProviderError } from '../../failure.js';
import type { StreamReader } from '../../wire.js';
import { geminiWire } from './wire.js';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url));
}

function createReader(): StreamReader {
  return geminiWire.createStreamReader({ keepUsage: true });
}

/** Reads a stream cut at these places; frames' bytes together with what came before the error. */
function readCut(stream: Buffer, cuts: readonly number[]) {
  const reader = createReader();
  const parts: StreamPart[] = [];
  const bytes: Buffer[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % stream.length))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, stream.length]) {
    const frame = reader.read(stream.subarray(start, end));
    parts.push(...frame.parts);
    bytes.push(frame.bytes);
    start = end;
  }
  return { parts: joined(parts), bytes: Buffer.concat(bytes), finished: reader.finished };
}

function joined(parts: readonly StreamPart[]): readonly StreamPart[] {
  const result: StreamPart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (part.type === 'text-delta' && last?.type === 'text-delta') {
      result[result.length - 1] = { ...last, text: last.text + part.text };
    } else result.push(part);
  }
  return result;
}

function events(...values: readonly unknown[]): Buffer {
  return Buffer.from(values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join(''));
}

function candidate(parts: readonly object[], finishReason?: string): object {
  return { candidates: [{ content: { parts, role: 'model' }, finishReason }] };
}

function errorOf(action: () => unknown): ProviderError {
  try {
    action();
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

const TEXT: readonly StreamPart[] = [
  { type: 'start', id: 'M3iLaY-AI7zTxN8P3Piw4Qg', model: 'gemini-3-pro-preview' },
  { type: 'text-delta', choice: 0, text: 'The **r** stands in “strawberry” three times 🍓.' },
  { type: 'finish', choice: 0, reason: 'stop' },
  {
    type: 'usage',
    usage: {
      inputTokens: 9,
      outputTokens: 315,
      cachedInputTokens: 4,
      reasoningTokens: 302,
      source: 'provider',
    },
  },
  { type: 'end' },
];

describe('a stream of Gemini', () => {
  it('reads texts and counts thoughts as output', () => {
    expect(readCut(fixture('text-stream'), [])).toEqual({ parts: TEXT, bytes: fixture('text-stream'), finished: true });
  });

  it('reads the same wherever the chunks are cut', () => {
    const stream = fixture('text-stream');
    fc.assert(
      fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 30 }), (cuts) => {
        expect(readCut(stream, cuts)).toEqual({ parts: TEXT, bytes: stream, finished: true });
      }),
      { numRuns: 200 },
    );
  });

  it('reads thoughts and whole calls, and makes ids that no other turn has', () => {
    const { parts } = readCut(fixture('thoughts-and-calls-stream'), [17, 401, 402]);
    expect(parts).toEqual([
      { type: 'start', id: 'QHiLaa6LBrb8vdIPoNztsAg', model: 'gemini-2.5-flash' },
      { type: 'reasoning-delta', choice: 0, text: '**Weather**\n\nTwo cities are asked for.' },
      {
        type: 'tool-call-start',
        choice: 0,
        index: 0,
        id: 'call_QHiLaa6LBrb8vdIPoNztsAg_0',
        name: 'get_weather',
        signature: 'AY89a19YsnFp7FOSIejJDV9X',
      },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"city":"Paris"}' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'call_QHiLaa6LBrb8vdIPoNztsAg_1', name: 'get_weather' },
      { type: 'tool-call-delta', choice: 0, index: 1, arguments: '{"city":"東京"}' },
      { type: 'tool-call-start', choice: 0, index: 2, id: 'call_QHiLaa6LBrb8vdIPoNztsAg_2', name: 'now' },
      { type: 'tool-call-delta', choice: 0, index: 2, arguments: '{}' },
      { type: 'finish', choice: 0, reason: 'tool-calls' },
      { type: 'usage', usage: { inputTokens: 123, outputTokens: 46, reasoningTokens: 12, source: 'provider' } },
      { type: 'end' },
    ]);
  });

  it('makes ids without a response id, and in place of ids that others refuse', () => {
    const call = (id?: string) => candidate([{ functionCall: { id, name: 'f', args: { a: 1 } } }]);
    const ids = (...values: readonly object[]) =>
      createReader()
        .read(events(...values))
        .parts.flatMap((part) => (part.type === 'tool-call-start' ? [part.id] : []));
    expect(ids(call('own-id_1'))).toEqual(['own-id_1']);
    const [first, second] = ids(call(), call());
    expect(first).toMatch(/^call_[0-9a-f]{24}_0$/);
    expect(second).toMatch(/^call_[0-9a-f]{24}_1$/);
    expect(ids(call('é'.repeat(50)))[0]).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
    expect(ids({ responseId: 'a/b', ...call() })[0]).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
    expect(ids(call())).toEqual(ids(call()));
  });

  it.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content-filter'],
    ['RECITATION', 'content-filter'],
    ['BLOCKLIST', 'content-filter'],
    ['PROHIBITED_CONTENT', 'content-filter'],
    ['SPII', 'content-filter'],
    ['LANGUAGE', 'other'],
    ['OTHER', 'other'],
    ['SOMETHING_NEW', 'other'],
    ['constructor', 'other'],
  ])('finishes with %s as %s', (reason, expected) => {
    const reader = createReader();
    const { parts } = reader.read(events(candidate([{ text: 'a' }], reason)));
    expect(parts.at(-1)).toEqual({ type: 'finish', choice: 0, reason: expected });
    expect(reader.finished).toBe(true);
  });

  it.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'MALFORMED_RESPONSE'])(
    'never takes %s for an answer',
    (reason) => {
      const reader = createReader();
      const stream = events(candidate([{ text: 'good' }]), candidate([{ text: 'bad' }], reason));
      expect(errorOf(() => reader.read(stream))).toMatchObject({ kind: 'stream-error', providerCode: reason });
      expect(reader.finished).toBe(false);
      expect(reader.takePending().parts.at(-1)).toEqual({ type: 'text-delta', choice: 0, text: 'good' });
    },
  );

  it('refuses a blocked prompt with its reason', () => {
    expect(errorOf(() => createReader().read(fixture('blocked-prompt-stream')))).toMatchObject({
      kind: 'content-filtered',
      providerCode: 'PROHIBITED_CONTENT',
      callerMessage: 'Gemini refused the prompt (PROHIBITED_CONTENT).',
    });
  });

  it('finishes as filtered where the block comes after content, and ignores a block without a reason', () => {
    const reader = createReader();
    const unspecified = { ...candidate([{ text: 'a' }]), promptFeedback: { blockReason: 'BLOCK_REASON_UNSPECIFIED' } };
    expect(reader.read(events(unspecified)).parts.at(-1)?.type).toBe('text-delta');
    expect(reader.read(events({ promptFeedback: { blockReason: 'SAFETY' } })).parts).toEqual([
      { type: 'finish', choice: 0, reason: 'content-filter' },
    ]);
    expect(reader.finished).toBe(true);
  });

  it('adds the counts that come after the end', () => {
    const reader = createReader();
    expect(reader.read(events(candidate([{ text: 'a' }], 'STOP'))).parts.at(-1)?.type).toBe('finish');
    expect(reader.read(events({ usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } })).parts).toEqual([
      { type: 'usage', usage: { inputTokens: 1, outputTokens: 2, source: 'provider' } },
    ]);
  });

  it('keeps the candidates of several apart', () => {
    const several = {
      candidates: [
        { index: 0, content: { parts: [{ text: 'a' }] } },
        { index: 1, content: { parts: [{ text: 'b' }] } },
      ],
    };
    expect(createReader().read(events(several)).parts.slice(1)).toEqual([
      { type: 'text-delta', choice: 0, text: 'a' },
      { type: 'text-delta', choice: 1, text: 'b' },
    ]);
  });

  it.each([
    [{ error: { code: 503, message: 'm', status: 'UNAVAILABLE' } }, 'overloaded', 503],
    [[{ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }], 'rate-limited', 429],
    [{ error: { code: 500, status: 'INTERNAL' } }, 'server-error', 500],
    [{ error: 'words' }, 'stream-error', 200],
    [{ error: { code: 418 } }, 'server-error', 418],
  ])('throws the error event %j', (value, kind, status) => {
    const reader = createReader();
    const good = events(candidate([{ text: 'good' }]));
    const error = errorOf(() => reader.read(Buffer.concat([good, events(value)])));
    expect(error).toMatchObject({ kind, status });
    expect(reader.takePending()).toEqual({ bytes: good, parts: [expect.anything(), expect.anything()] });
    expect(reader.takePending().parts).toEqual([]);
  });

  it.each(['{"candidates":[', '[]', 'null', '[DONE]', '"text"'])('refuses the event %j', (data) => {
    const reader = createReader();
    expect(errorOf(() => reader.read(Buffer.from(`data: ${data}\n\n`))).kind).toBe('stream-malformed');
    expect(reader.finished).toBe(false);
  });

  it('takes large events and refuses endless ones', () => {
    const signature = 'A'.repeat(3_000_000);
    const reader = createReader();
    const stream = events(candidate([{ functionCall: { name: 'f' }, thoughtSignature: signature }]));
    expect(reader.read(stream).parts).toContainEqual(expect.objectContaining({ type: 'tool-call-start', signature }));
    expect(errorOf(() => reader.read(Buffer.from(`data: ${'x'.repeat(9_000_000)}`))).kind).toBe('stream-malformed');
  });

  it('is total for events of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (content, reason, usage) => {
        const reader = createReader();
        const value = { candidates: [{ content, finishReason: reason }], usageMetadata: usage, promptFeedback: usage };
        try {
          for (const part of reader.read(events(value, content)).parts) expect(typeof part.type).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(ProviderError);
        }
      }),
    );
  });
});
