import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { StreamPart } from '@moltbot/contracts';
import type { ProviderError } from '../../failure.js';
import { createStreamReader } from './from-stream.js';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url));
}

function read(bytes: Buffer, keepUsage = true) {
  const reader = createStreamReader({ keepUsage });
  return { ...reader.read(bytes), finished: reader.finished };
}

function chunk(choice: object, more: object = {}): string {
  return `data: ${JSON.stringify({ id: 'c1', model: 'm', choices: [{ index: 0, ...choice }], ...more })}\n\n`;
}

/** Parts of a stream of these chunks, without its start. */
function partsOf(...chunks: readonly string[]): readonly StreamPart[] {
  return read(Buffer.from(chunks.join(''))).parts.filter((part) => part.type !== 'start');
}

function thrown(action: () => unknown): ProviderError {
  try {
    action();
  } catch (error) {
    return error as ProviderError;
  }
  throw new Error('Nothing was thrown.');
}

function call(fields: object): string {
  return chunk({ delta: { tool_calls: [fields] } });
}

describe('the stream reader', () => {
  it('reads text, usage and the end of OpenAI’s', () => {
    const bytes = fixture('openai-text');
    const result = read(bytes);
    expect(result.bytes).toBe(bytes);
    expect(result.parts).toEqual([
      { type: 'start', id: 'chatcmpl-CYj8GQ2', model: 'gpt-4.1-2025-04-14' },
      { type: 'text-delta', choice: 0, text: 'Grüße' },
      { type: 'text-delta', choice: 0, text: ' 世界!' },
      { type: 'finish', choice: 0, reason: 'stop' },
      {
        type: 'usage',
        usage: {
          inputTokens: 1034,
          outputTokens: 4,
          cachedInputTokens: 1024,
          reasoningTokens: 0,
          source: 'provider',
        },
      },
      { type: 'end' },
    ]);
    expect(result.finished).toBe(true);
  });

  it('hides a usage that the caller did not ask for, and only that', () => {
    const bytes = fixture('openai-text');
    const shown = read(bytes, false);
    const lines = (text: string): string[] => text.split('\n\n').filter((line) => line !== '');
    const all = lines(bytes.toString());
    expect(lines(shown.bytes.toString())).toEqual(all.filter((line) => !line.includes('"prompt_tokens"')));
    expect(shown.parts.some((part) => part.type === 'usage')).toBe(true);
    // A chunk that says more than usage stays as it is.
    const deepseek = fixture('deepseek-reasoner');
    expect(read(deepseek, false).bytes).toBe(deepseek);
    const alone = Buffer.from('data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n');
    expect(read(alone, false).bytes).toHaveLength(0);
  });

  it('reads parallel calls whose arguments come in turns', () => {
    const { parts } = read(fixture('openai-parallel-calls'));
    expect(parts.filter((part) => part.type !== 'start' && part.type !== 'end')).toEqual([
      { type: 'tool-call-start', choice: 0, index: 0, id: 'call_Bq1', name: 'weather' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"city": "Pa' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'call_Cr2', name: 'weather' },
      { type: 'tool-call-delta', choice: 0, index: 1, arguments: '{"city": "Oslo"}' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: 'ris"}' },
      { type: 'finish', choice: 0, reason: 'tool-calls' },
    ]);
  });

  it('starts with the chunk that names the answer, not with Azure’s note about the prompt', () => {
    const { parts } = read(fixture('azure-content-filter'));
    expect(parts).toEqual([
      { type: 'start', id: 'chatcmpl-Az1', model: 'gpt-4o-2024-11-20' },
      { type: 'text-delta', choice: 0, text: 'Hi' },
      { type: 'finish', choice: 0, reason: 'content-filter' },
      { type: 'end' },
    ]);
  });

  it('reads reasoning under each of its names', () => {
    const deepseek = read(fixture('deepseek-reasoner')).parts;
    expect(deepseek).toContainEqual({ type: 'reasoning-delta', choice: 0, text: 'We need' });
    expect(deepseek).toContainEqual({ type: 'text-delta', choice: 0, text: '42' });
    expect(deepseek).toContainEqual({
      type: 'usage',
      usage: { inputTokens: 20, outputTokens: 30, cachedInputTokens: 16, reasoningTokens: 25, source: 'provider' },
    });
    expect(read(fixture('ollama-calls')).parts[1]).toEqual({ type: 'reasoning-delta', choice: 0, text: 'Two cities.' });
    expect(read(fixture('mistral-thinking')).parts.slice(1, 3)).toEqual([
      { type: 'reasoning-delta', choice: 0, text: 'Okay' },
      { type: 'text-delta', choice: 0, text: 'Yes.' },
    ]);
    // Both names at once say the same.
    expect(partsOf(chunk({ delta: { reasoning: 'Hm', reasoning_content: 'Hm' } }))).toEqual([
      { type: 'reasoning-delta', choice: 0, text: 'Hm' },
    ]);
  });

  it('reads usage where Groq puts it', () => {
    expect(read(fixture('groq-usage')).parts).toContainEqual({
      type: 'usage',
      usage: { inputTokens: 72, outputTokens: 31, source: 'provider' },
    });
  });

  it('counts reasoning into the output where only the total holds it', () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 35,
      completion_tokens_details: { reasoning_tokens: 20 },
    };
    expect(partsOf(chunk({ delta: {} }, { usage }))).toEqual([
      { type: 'usage', usage: { inputTokens: 10, outputTokens: 25, reasoningTokens: 20, source: 'provider' } },
    ]);
  });

  it('throws at an error in mid-stream, keeps what came before, and is not finished', () => {
    const bytes = fixture('openrouter-error');
    const reader = createStreamReader({ keepUsage: true });
    const error = thrown(() => reader.read(bytes));
    expect(error).toMatchObject({ kind: 'overloaded', status: 503, callerMessage: undefined });
    const pending = reader.takePending();
    expect(pending.parts).toEqual([
      { type: 'start', id: 'gen-1762', model: 'meta-llama/llama-4' },
      { type: 'text-delta', choice: 0, text: 'Hel' },
    ]);
    expect(pending.bytes.toString()).toMatch(/^: OPENROUTER[^]*"Hel"[^]*\n\n$/);
    expect(pending.bytes.toString()).not.toContain('"error"');
    expect(reader.takePending().parts).toEqual([]);
    expect(reader.finished).toBe(false);
  });

  it.each([
    ['an error object', '{"error":{"message":"x","type":"server_error"}}', 'server-error'],
    ['an error with nothing known', '{"error":{"message":"x"}}', 'stream-error'],
    ['an error as text', '{"error":"model runner has unexpectedly stopped"}', 'stream-error'],
    ['an error of vLLM', '{"object":"error","message":"x","type":"BadRequestError","code":400}', 'invalid-request'],
    ['a finish reason that says error', '{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}', 'stream-error'],
    [
      'a finish reason of DeepSeek',
      '{"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}',
      'stream-error',
    ],
    ['no JSON', '{"choices":[{"ind', 'stream-malformed'],
    ['no object', '[1]', 'stream-malformed'],
  ])('throws at %s', (_, data, kind) => {
    expect(thrown(() => read(Buffer.from(`data: ${data}\n\n`)))).toMatchObject({ name: 'ProviderError', kind });
  });

  it('throws at an event that is named error', () => {
    const bytes = Buffer.from('event: error\ndata: {"message":"x","code":"rate_limit_exceeded"}\n\n');
    expect(thrown(() => read(bytes))).toMatchObject({ kind: 'rate-limited' });
  });

  it('is finished when each choice is, with or without the end marker', () => {
    const reader = createStreamReader({ keepUsage: true });
    expect(reader.finished).toBe(false);
    reader.read(Buffer.from(chunk({ delta: { content: 'a' } }) + chunk({ index: 1, delta: { content: 'b' } })));
    reader.read(Buffer.from(chunk({ delta: {}, finish_reason: 'stop' })));
    expect(reader.finished).toBe(false);
    const { parts } = reader.read(Buffer.from(chunk({ index: 1, delta: {}, finish_reason: 'length' })));
    expect(parts).toEqual([{ type: 'finish', choice: 1, reason: 'length' }]);
    expect(reader.finished).toBe(true);
    const marked = createStreamReader({ keepUsage: true });
    marked.read(Buffer.from(`${chunk({ delta: { content: 'a' } })}data: [DONE]\n\n`));
    expect(marked.finished).toBe(true);
  });

  it('calls a stop after a refusal a refusal', () => {
    expect(partsOf(chunk({ delta: { refusal: 'No' } }), chunk({ delta: {}, finish_reason: 'stop' }))).toEqual([
      { type: 'refusal-delta', choice: 0, text: 'No' },
      { type: 'finish', choice: 0, reason: 'refusal' },
    ]);
  });
});

describe('calls of servers that say them otherwise', () => {
  const START = { type: 'tool-call-start', choice: 0 } as const;
  const DELTA = { type: 'tool-call-delta', choice: 0 } as const;

  it('are two where each comes whole with the index 0', () => {
    const { parts } = read(fixture('ollama-calls'));
    expect(parts.filter((part) => part.type.startsWith('tool'))).toEqual([
      { ...START, index: 0, id: 'call_a', name: 'weather' },
      { ...DELTA, index: 0, arguments: '{"city":"Paris"}' },
      { ...START, index: 1, id: 'call_b', name: 'weather' },
      { ...DELTA, index: 1, arguments: '{"city":"Oslo"}' },
    ]);
  });

  it('need no index: a known id or a piece without a name goes on with its call, a name begins one', () => {
    expect(
      partsOf(
        call({ id: 'a', function: { name: 'f', arguments: '{' } }),
        call({ function: { arguments: '"x":1' } }),
        call({ id: 'b', function: { name: 'g', arguments: '{' } }),
        call({ id: 'a', function: { arguments: '}' } }),
        call({ id: 'b', function: { arguments: '}' } }),
      ),
    ).toEqual([
      { ...START, index: 0, id: 'a', name: 'f' },
      { ...DELTA, index: 0, arguments: '{' },
      { ...DELTA, index: 0, arguments: '"x":1' },
      { ...START, index: 1, id: 'b', name: 'g' },
      { ...DELTA, index: 1, arguments: '{' },
      { ...DELTA, index: 0, arguments: '}' },
      { ...DELTA, index: 1, arguments: '}' },
    ]);
  });

  it('get an id where the server gives none, another one in each answer', () => {
    const ids = ['one', 'two'].map((id) => {
      const text = `data: ${JSON.stringify({ id, choices: [{ delta: { tool_calls: [{ function: { name: 'f' } }, { function: { name: 'f' } }] } }] })}\n\n`;
      return read(Buffer.from(text)).parts.flatMap((part) => (part.type === 'tool-call-start' ? [part.id] : []));
    });
    expect(new Set(ids.flat()).size).toBe(4);
  });

  it('wait for their name, and are said without one at the end', () => {
    expect(
      partsOf(
        call({ index: 0, id: 'a', function: { arguments: '{"x"' } }),
        call({ index: 0, function: { name: 'f', arguments: ':1}' } }),
        call({ index: 1, id: 'b', function: { arguments: '{}' } }),
        chunk({ delta: {}, finish_reason: 'tool_calls' }),
      ),
    ).toEqual([
      { ...START, index: 0, id: 'a', name: 'f' },
      { ...DELTA, index: 0, arguments: '{"x"' },
      { ...DELTA, index: 0, arguments: ':1}' },
      { ...START, index: 1, id: 'b', name: '' },
      { ...DELTA, index: 1, arguments: '{}' },
      { type: 'finish', choice: 0, reason: 'tool-calls' },
    ]);
  });

  it('are numbered from 0 though the server begins at 1, and go on though the id is repeated', () => {
    expect(
      partsOf(
        call({ index: 1, id: 'a', function: { name: 'f', arguments: '{' } }),
        call({ index: 1, id: 'a', function: { name: 'f', arguments: '}' } }),
      ),
    ).toEqual([
      { ...START, index: 0, id: 'a', name: 'f' },
      { ...DELTA, index: 0, arguments: '{' },
      { ...DELTA, index: 0, arguments: '}' },
    ]);
  });

  it('are read from arguments that are an object, from a custom tool and from the old single call', () => {
    expect(partsOf(call({ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } }))[1]).toEqual({
      ...DELTA,
      index: 0,
      arguments: '{"x":1}',
    });
    expect(partsOf(call({ index: 0, id: 'a', type: 'custom', custom: { name: 'f', input: 'SELECT' } }))).toEqual([
      { ...START, index: 0, id: 'a', name: 'f' },
      { ...DELTA, index: 0, arguments: 'SELECT' },
    ]);
    const old = partsOf(
      chunk({ delta: { function_call: { name: 'f', arguments: '' } } }),
      chunk({ delta: { function_call: { arguments: '{}' } } }),
      chunk({ delta: {}, finish_reason: 'function_call' }),
    );
    expect(old.map((part) => part.type)).toEqual(['tool-call-start', 'tool-call-delta', 'finish']);
  });
});
