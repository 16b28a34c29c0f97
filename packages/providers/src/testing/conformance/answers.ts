import { expect, it } from '@jest/globals';
import type { FinishReason } from '@moltbot/contracts';
import { isContent } from '@moltbot/contracts';
import type { ChatWire } from '../../wire.js';
import type { ScriptedAnswer } from '../../scripted/behaviour.js';
import { DIALECT_TRAITS } from './dialect-traits.js';
import {
  ask,
  callsOf,
  contentText,
  type Exchanges,
  MODEL,
  providerError,
  readStream,
  textOf,
  turnOf,
} from './exchange.js';

const TEXT = 'Grüße 世界 🌍\n\n"quoted" \\ back, data: x';
const SEAL = 'c2VhbA==';
const CALLS = [
  { id: 'call_a1', name: 'weather', arguments: ['{"city":', '"Köln"', ',"days":2}'] },
  { id: 'call_b2', name: 'time', arguments: ['{"zone":"UTC"', '}'] },
];

/** What a wire reads out of good answers, whole and streamed. */
export function describeAnswers(wire: ChatWire, { exchange }: Exchanges): void {
  const traits = DIALECT_TRAITS[wire.dialect];
  const whole = async (answer: ScriptedAnswer) => {
    const { body } = await exchange({ type: 'answer', answer }, turnOf(ask('Hello')));
    const read = wire.fromAnswer(body);
    return { body, read, answer: read.answer() };
  };
  const streamed = async (answer: ScriptedAnswer, keepUsage = true) => {
    const { body, chunks } = await exchange({ type: 'answer', answer }, turnOf(ask('Hello'), { stream: true }));
    const read = readStream(wire, chunks, keepUsage);
    expect(read.error).toBeUndefined();
    return { body, ...read };
  };

  it('reads the text of a whole answer and keeps its bytes', async () => {
    const { answer, body, read } = await whole({ text: TEXT, model: 'exact-model-2', id: 'answer-7' });
    expect(read.bytes.equals(body)).toBe(true);
    expect(contentText(answer, 'text')).toBe(TEXT);
    expect([answer.id, answer.model, answer.finishReason]).toEqual(['answer-7', 'exact-model-2', 'stop']);
  });

  it('reads the text of a stream from its start to its end', async () => {
    const { body, bytes, parts, reader } = await streamed({ text: TEXT, model: 'exact-model-2', id: 'answer-7' });
    expect(textOf(parts, 'text-delta')).toBe(TEXT);
    expect(parts[0]).toEqual({ type: 'start', id: 'answer-7', model: 'exact-model-2' });
    expect(parts.filter((part) => part.type === 'start')).toHaveLength(1);
    expect(parts.filter((part) => part.type === 'finish')).toEqual([{ type: 'finish', choice: 0, reason: 'stop' }]);
    expect(parts.at(-1)).toEqual({ type: 'end' });
    expect(reader.finished).toBe(true);
    expect(bytes.equals(body)).toBe(true);
  });

  it('takes an answer with fields and an id of tomorrow', async () => {
    const extra = { x_future: { nested: [1, null] }, service_tier: 'other' };
    expect(contentText((await whole({ text: 'fine', extra })).answer, 'text')).toBe('fine');
    expect(textOf((await streamed({ text: 'fine', extra })).parts, 'text-delta')).toBe('fine');
  });

  it('reads parallel tool calls of a whole answer', async () => {
    const { answer } = await whole({ toolCalls: CALLS });
    const calls = answer.content.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
    expect(calls.map(({ id, name }) => [id, name])).toEqual([
      ['call_a1', 'weather'],
      ['call_b2', 'time'],
    ]);
    expect(calls.map((call) => JSON.parse(call.arguments) as unknown)).toEqual([
      { city: 'Köln', days: 2 },
      { zone: 'UTC' },
    ]);
    expect(answer.finishReason).toBe('tool-calls');
  });

  it('reads parallel tool calls of a stream, numbered from 0, after text', async () => {
    const text = [{ type: 'text-delta', choice: 0, text: 'Let me see.' } as const];
    const starts = CALLS.map(
      ({ id, name }, index) => ({ type: 'tool-call-start', choice: 0, index, id, name }) as const,
    );
    const deltas = CALLS.map(({ arguments: pieces }, index) =>
      pieces.map((piece) => ({ type: 'tool-call-delta', choice: 0, index, arguments: piece }) as const),
    );
    const inTurns = traits.interleavedCalls
      ? [...starts, ...[0, 1, 2].flatMap((round) => deltas.flatMap((list) => list.slice(round, round + 1)))]
      : starts.flatMap((start, index) => [[start], deltas[index] ?? []]).flat();
    const { parts } = await streamed({ parts: [...text, ...inTurns] });
    const calls = callsOf(parts);
    expect(calls.map(({ id, name }) => [id, name])).toEqual([
      ['call_a1', 'weather'],
      ['call_b2', 'time'],
    ]);
    expect(calls.map((call) => JSON.parse(call.arguments) as unknown)).toEqual([
      { city: 'Köln', days: 2 },
      { zone: 'UTC' },
    ]);
    expect(textOf(parts, 'text-delta')).toBe('Let me see.');
    expect(parts).toContainEqual({ type: 'finish', choice: 0, reason: 'tool-calls' });
  });

  it('reads a tool call without arguments as an empty object', async () => {
    const toolCalls = [{ id: 'call_a1', name: 'now', arguments: '{}' }];
    const { parts } = await streamed({ toolCalls });
    expect(JSON.parse(callsOf(parts)[0]?.arguments ?? '')).toEqual({});
    const call = (await whole({ toolCalls })).answer.content.find((part) => part.type === 'tool-call');
    expect(JSON.parse(call?.arguments ?? '')).toEqual({});
  });

  it('reads reasoning apart from the answer, and counts it', async () => {
    const answer = { reasoning: 'Hm, 七.', text: 'Seven.', usage: { outputTokens: 20, reasoningTokens: 15 } };
    const one = await whole(answer);
    expect([contentText(one.answer, 'reasoning'), contentText(one.answer, 'text')]).toEqual(['Hm, 七.', 'Seven.']);
    const { parts } = await streamed(answer);
    expect([textOf(parts, 'reasoning-delta'), textOf(parts, 'text-delta')]).toEqual(['Hm, 七.', 'Seven.']);
    if (wire.dialect === 'anthropic-messages') return;
    expect(one.answer.usage).toMatchObject({ outputTokens: 20, reasoningTokens: 15 });
    expect(parts.findLast((part) => part.type === 'usage')?.usage).toMatchObject({
      outputTokens: 20,
      reasoningTokens: 15,
    });
  });

  if (traits.seal !== undefined) {
    const kind = traits.seal;
    it(`keeps the ${kind} seal of reasoning, and gives it back to its vendor`, async () => {
      const parts = [
        { type: 'reasoning-delta', choice: 0, text: 'Thinking.' } as const,
        { type: 'reasoning-seal', choice: 0, [kind]: SEAL } as const,
        { type: 'text-delta', choice: 0, text: 'Done.' } as const,
      ];
      const stream = await streamed({ parts });
      const sealed = stream.parts.flatMap((part) => (part.type === 'reasoning-seal' ? [part[kind]] : []));
      expect(sealed).toEqual([expect.stringContaining(SEAL)]);
      const { answer } = await whole({ parts });
      expect(answer.content.some((part) => part.type === 'reasoning' && part[kind]?.includes(SEAL) === true)).toBe(
        true,
      );
      const { messages } = ask('And then?');
      const again = ask('', { messages: [...messages, { role: 'assistant', content: answer.content }, ...messages] });
      const { seen } = await exchange({ type: 'answer' }, turnOf(again));
      expect(seen.raw.toString('utf8')).toContain(`"${SEAL}"`);
    });
  }

  if (traits.refusals) {
    it('reads a refusal as a refusal', async () => {
      const one = await whole({ refusal: 'I would rather not.' });
      expect(contentText(one.answer, 'refusal')).toBe('I would rather not.');
      const { parts } = await streamed({ refusal: 'I would rather not.' });
      expect(textOf(parts, 'refusal-delta')).toBe('I would rather not.');
      expect(textOf(parts, 'text-delta')).toBe('');
    });
  }

  it('counts cached tokens into the input', async () => {
    const counted = { inputTokens: 120, outputTokens: 8, cachedInputTokens: 100 };
    const usage = traits.cacheWrite ? { ...counted, cacheWriteTokens: 12 } : counted;
    const one = await whole({ text: 'x', usage });
    expect(one.read.usage).toMatchObject({ ...usage, source: 'provider' });
    expect(one.answer.usage).toMatchObject(usage);
    const { parts } = await streamed({ text: 'x', usage });
    expect(parts.findLast((part) => part.type === 'usage')?.usage).toMatchObject({ ...usage, source: 'provider' });
  });

  it('says nothing of usage where the provider does not', async () => {
    expect((await whole({ text: 'x', usage: 'none' })).read.usage).toBeUndefined();
    if (wire.dialect === 'anthropic-messages') return;
    const { parts } = await streamed({ text: 'x', usage: 'none' });
    expect(parts.filter((part) => part.type === 'usage')).toEqual([]);
  });

  it('reads usage that the caller is not shown', async () => {
    const usage = { inputTokens: 11, outputTokens: 7 };
    const { bytes, parts } = await streamed({ text: 'Hi', usage }, false);
    expect(parts.findLast((part) => part.type === 'usage')?.usage).toMatchObject(usage);
    expect(parts.at(-1)).toEqual({ type: 'end' });
    if (wire.dialect === 'openai-chat') expect(bytes.toString()).not.toContain('"prompt_tokens"');
  });

  it.each(Object.entries(traits.finishReasons) as [FinishReason, FinishReason][])(
    'reads the finish reason %s as %s',
    async (reason, read) => {
      const one = await whole({ text: 'x', finishReason: reason });
      expect(one.answer.finishReason).toBe(read);
      const { parts } = await streamed({ text: 'x', finishReason: reason });
      expect(parts.filter((part) => part.type === 'finish')).toEqual([{ type: 'finish', choice: 0, reason: read }]);
    },
  );

  it('ends an answer whose finish reason is a word of tomorrow', async () => {
    const answer = { text: 'x', nativeFinishReason: 'brand_new_reason' };
    expect((await whole(answer)).answer.finishReason).not.toBe('stop');
    const { parts, reader } = await streamed(answer);
    expect(reader.finished).toBe(true);
    expect(parts.some((part) => part.type === 'finish')).toBe(true);
  });

  it('does not take keep-alives and role events for content', async () => {
    const behaviour = { type: 'slow-first-content', delayMs: 60, keepAliveMs: 20, answer: { text: 'Hi' } } as const;
    const { chunks } = await exchange(behaviour, turnOf(ask('Hello'), { stream: true }));
    const { parts } = readStream(wire, chunks);
    expect(parts.filter(isContent)).toEqual([{ type: 'text-delta', choice: 0, text: 'Hi' }]);
  });

  it.each(['html', 'empty', 'half-json', 'error-200'] as const)('is not fooled by a 200 that is %s', async (type) => {
    const { body } = await exchange({ type }, turnOf(ask('Hello')));
    const error = providerError(() => wire.fromAnswer(body).answer());
    if (type !== 'error-200') expect(error.kind).toBe('not-an-answer');
    expect(error.message).not.toMatch(/Sign in|Scripted/);
    const { chunks } = await exchange({ type }, turnOf(ask('Hello'), { stream: true }));
    const { parts, reader } = readStream(wire, chunks);
    expect([parts.filter(isContent), reader.finished]).toEqual([[], false]);
  });

  if (wire.dialect === 'openai-chat') {
    it('keeps several choices apart', async () => {
      const words = ['one', ' eins', ' more', ' mehr'];
      const parts = words.map((text, index) => ({ type: 'text-delta', choice: index % 2, text }) as const);
      const read = (await streamed({ parts })).parts;
      for (const [choice, text] of ['one more', ' eins mehr'].entries()) {
        expect(
          textOf(
            read.filter((part) => 'choice' in part && part.choice === choice),
            'text-delta',
          ),
        ).toBe(text);
        expect(read).toContainEqual({ type: 'finish', choice, reason: 'stop' });
      }
      expect(read.filter((part) => part.type === 'end')).toHaveLength(1);
    });
  }

  it('names the model it asked', async () => {
    const { seen } = await exchange({ type: 'answer' }, turnOf(ask('Hello')));
    expect([seen.model, seen.stream, seen.operation]).toEqual([MODEL, false, 'chat']);
    expect((await exchange({ type: 'answer' }, turnOf(ask('Hello'), { stream: true }))).seen.stream).toBe(true);
  });
}
