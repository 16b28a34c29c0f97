import { readFileSync } from 'node:fs';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { describe, expect, it } from '@jest/globals';
import type { ChatAnswer, StreamPart } from '@moltbot/contracts';
import fc from 'fast-check';
import type { AnswerContext, DoorError } from '../../dialect-door.js';
import { streamParts } from '../../testing/chat-answer-arbitrary.js';
import { createStreamReader } from './from-stream.js';
import { toAnswer } from './to-answer.js';
import { createStreamWriter } from './to-stream.js';

const CONTEXT: AnswerContext = {
  id: 'msg_1',
  created: 1_700_000_000,
  model: 'openai:gpt',
  includeUsage: true,
  estimatedInputTokens: 42,
};

const INTERRUPTED: DoorError = {
  code: 'stream_interrupted',
  http: 502,
  message: 'The answer broke off.',
  requestId: 'req_1',
  attempts: [{ target: 'openai:gpt', outcome: 'stream-cut', durationMs: 5 }],
};

function text(value: string): StreamPart {
  return { type: 'text-delta', choice: 0, text: value };
}

function call(index: number, name = `tool_${index}`): StreamPart {
  return { type: 'tool-call-start', choice: 0, index, id: `call_${index}`, name };
}

function args(index: number, value: string): StreamPart {
  return { type: 'tool-call-delta', choice: 0, index, arguments: value };
}

function finish(reason: 'stop' | 'length' | 'tool-calls' | 'refusal' | 'other'): StreamPart {
  return { type: 'finish', choice: 0, reason };
}

function eventsOf(stream: string): Record<string, unknown>[] {
  return stream
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [name, data] = event.split('\n');
      const value = JSON.parse((data ?? '').slice('data: '.length)) as Record<string, unknown>;
      expect(name).toBe(`event: ${String(value['type'])}`);
      return value;
    });
}

/** Types of the events, with the index and the type of block or delta. */
function shapeOf(stream: string): string[] {
  return eventsOf(stream).map((event) => {
    const inner = (event['content_block'] ?? event['delta'] ?? {}) as { type?: string };
    return [event['type'], event['index'], inner.type]
      .filter((part) => part !== undefined)
      .map(String)
      .join(' ');
  });
}

/** What Anthropic's own client makes of a stream. */
async function clientReads(stream: string): Promise<Anthropic.Message> {
  const client = new Anthropic({
    apiKey: 'k',
    baseURL: 'http://127.0.0.1:9',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } })),
  });
  return await client.messages
    .stream({ model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'a' }] })
    .finalMessage();
}

describe('saying an answer as a Messages stream', () => {
  it('opens and closes one block after the other and ends with the finish and the usage', () => {
    const writer = createStreamWriter(CONTEXT);
    const stream =
      writer.write([
        { type: 'start', id: 'other', model: 'other' },
        { type: 'reasoning-delta', choice: 0, text: 'hm' },
      ]) +
      writer.write([text('a'), text('"b\n'), text('')]) +
      writer.write([call(0), args(0, '{"x":'), args(0, '1}'), call(1), finish('tool-calls')]) +
      writer.write([
        {
          type: 'usage',
          usage: { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, reasoningTokens: 2, source: 'provider' },
        },
      ]) +
      writer.write([{ type: 'end' }]);
    expect(shapeOf(stream)).toEqual([
      'message_start',
      'content_block_start 0 thinking',
      'content_block_delta 0 thinking_delta',
      'content_block_delta 0 signature_delta',
      'content_block_stop 0',
      'content_block_start 1 text',
      'content_block_delta 1 text_delta',
      'content_block_delta 1 text_delta',
      'content_block_stop 1',
      'content_block_start 2 tool_use',
      'content_block_delta 2 input_json_delta',
      'content_block_delta 2 input_json_delta',
      'content_block_stop 2',
      'content_block_start 3 tool_use',
      'content_block_stop 3',
      'message_delta',
      'message_stop',
    ]);
    const events = eventsOf(stream);
    expect(events[0]).toMatchObject({ message: { id: 'msg_1', model: 'openai:gpt', usage: { input_tokens: 42 } } });
    expect(events.at(-2)).toMatchObject({
      delta: { stop_reason: 'tool_use' },
      usage: {
        input_tokens: 6,
        cache_read_input_tokens: 4,
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 2 },
      },
    });
    expect(writer.end()).toBe('');
  });

  it('writes deltas of parallel calls that come in turns one call after the other', () => {
    const writer = createStreamWriter(CONTEXT);
    const first = writer.write([call(0), args(0, '{"a":"{'), call(1), args(1, '{}'), text('then'), args(0, '\\"}"')]);
    expect(shapeOf(first)).toEqual([
      'message_start',
      'content_block_start 0 tool_use',
      'content_block_delta 0 input_json_delta',
      'content_block_delta 0 input_json_delta',
    ]);
    expect(shapeOf(writer.write([args(0, '}')]))).toEqual([
      'content_block_delta 0 input_json_delta',
      'content_block_stop 0',
      'content_block_start 1 tool_use',
      'content_block_delta 1 input_json_delta',
      'content_block_stop 1',
      'content_block_start 2 text',
      'content_block_delta 2 text_delta',
    ]);
  });

  it('loses nothing of calls whose arguments never become whole', () => {
    const writer = createStreamWriter(CONTEXT);
    const stream =
      writer.write([
        call(0),
        call(1),
        args(0, '{"a'),
        call(2),
        args(2, '['),
        args(1, 'x'),
        args(0, '":1'),
        finish('length'),
      ]) + writer.end();
    const said: Record<number, string> = {};
    for (const event of eventsOf(stream)) {
      const delta = event['delta'] as { partial_json?: string } | undefined;
      const index = event['index'] as number;
      if (delta?.partial_json !== undefined) said[index] = (said[index] ?? '') + delta.partial_json;
    }
    expect(said).toEqual({ 0: '{"a":1', 1: 'x', 2: '[' });
    expect(shapeOf(stream).slice(-3)).toEqual(['content_block_stop 2', 'message_delta', 'message_stop']);
  });

  it('says `tool_use` where a server ends a call with a plain stop, and `refusal` where the model refused', () => {
    const stopReason = (...parts: StreamPart[]): unknown => {
      const writer = createStreamWriter(CONTEXT);
      const events = eventsOf(writer.write(parts) + writer.end());
      return (events.at(-2)?.['delta'] as Record<string, unknown> | undefined)?.['stop_reason'];
    };
    expect(stopReason(call(0), finish('stop'))).toBe('tool_use');
    expect(stopReason(call(0), finish('length'))).toBe('max_tokens');
    expect(stopReason({ type: 'refusal-delta', choice: 0, text: 'No.' }, finish('stop'))).toBe('refusal');
    expect(stopReason(text('a'))).toBe('end_turn');
  });

  it('leaves other choices out', () => {
    const writer = createStreamWriter(CONTEXT);
    expect(shapeOf(writer.write([{ type: 'text-delta', choice: 1, text: 'b' }, { type: 'start' }]))).toEqual([
      'message_start',
    ]);
  });

  it('is a whole message for the client even where there was no content', async () => {
    const writer = createStreamWriter(CONTEXT);
    const message = await clientReads(writer.end());
    expect(message).toMatchObject({ content: [], stop_reason: 'end_turn' });
  });

  it('ends with an error that the client raises, and never with an end that reads as success', async () => {
    const writer = createStreamWriter(CONTEXT);
    const stream = writer.write([text('Once')]) + writer.error(INTERRUPTED);
    expect(shapeOf(stream).at(-1)).toBe('error');
    expect(writer.end() + writer.write([text('a')]) + writer.error(INTERRUPTED)).toBe('');
    const error = await clientReads(stream).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({
      type: 'api_error',
      errorCode: 'stream_interrupted',
      apiMessage: 'The answer broke off.',
      details: { attempts: [{ target: 'openai:gpt', outcome: 'stream-cut', durationMs: 5 }] },
    });
  });

  it('is read by the client as the same answer, whatever the parts', async () => {
    const answers = streamParts({ without: ['choices', 'reasoning-seals', 'call-seals'] }).map(withJsonArguments);
    await fc.assert(
      fc.asyncProperty(answers, async (parts) => {
        const writer = createStreamWriter(CONTEXT);
        const stream = parts.map((part) => writer.write([part])).join('') + writer.end();
        const message = JSON.parse(JSON.stringify(await clientReads(stream))) as Record<string, unknown>;
        const whole = JSON.parse(JSON.stringify(toAnswer(answerOf(parts), CONTEXT))) as Record<string, unknown>;
        expect(message).toEqual({
          ...whole,
          parsed_output: null,
          content: (whole['content'] as object[]).map((block) => expect.objectContaining(block)),
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is read by our own reader as the same parts', () => {
    fc.assert(
      fc.property(streamParts({ without: ['choices', 'reasoning-seals', 'call-seals', 'refusals'] }), (parts) => {
        const writer = createStreamWriter(CONTEXT);
        const frame = createStreamReader().read(Buffer.from(writer.write(parts) + writer.end()));
        const { content, finishReason } = answerOf(frame.parts);
        const expected = answerOf(parts);
        expect(withoutSeals(content)).toEqual(withoutSeals(expected.content));
        if (['stop', 'length', 'tool-calls', 'refusal'].includes(expected.finishReason)) {
          const called = content.some((part) => part.type === 'tool-call');
          const forced = called && expected.finishReason === 'stop';
          expect(finishReason).toBe(forced ? 'tool-calls' : expected.finishReason);
        }
      }),
    );
  });
});

describe('going on after the upstream’s own bytes', () => {
  function fixture(name: string): Buffer {
    return readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url));
  }

  /** The first bytes of an upstream as they are, then what another model says. */
  function goOn(bytes: Buffer, parts: readonly StreamPart[]): string {
    const reader = createStreamReader();
    const frame = reader.read(bytes);
    const writer = createStreamWriter(CONTEXT);
    writer.resume(frame.parts, {});
    return frame.bytes.toString() + writer.write(parts) + writer.end();
  }

  it('goes on in the open block of text', async () => {
    const bytes = fixture('text');
    const head = bytes.subarray(0, bytes.indexOf('event: content_block_stop'));
    const stream = goOn(head, [text(' And more.'), finish('stop')]);
    const message = await clientReads(stream);
    expect(message.content).toEqual([
      expect.objectContaining({ type: 'text', text: 'Grüß Gott — 你好 👋! And more.' }),
    ]);
    expect(message).toMatchObject({ id: 'msg_01XFDUDYJgAACzvnptvVoYEL', stop_reason: 'end_turn' });
  });

  it('counts the blocks that have no word in ours', async () => {
    const message = await clientReads(goOn(fixture('web-search'), [text(' and clear.'), finish('stop')]));
    expect(message.content.map((block) => block.type)).toEqual(['server_tool_use', 'web_search_tool_result', 'text']);
    expect(message.content[2]).toMatchObject({ text: 'It is 62°F and clear.' });
  });

  it('opens a new block where the last one was closed', () => {
    const bytes = fixture('text');
    const head = bytes.subarray(0, bytes.indexOf('event: message_delta'));
    const stream = goOn(head, [text('More.'), finish('stop')]);
    expect(shapeOf(stream).slice(-6)).toEqual([
      'content_block_stop 0',
      'content_block_start 1 text',
      'content_block_delta 1 text_delta',
      'content_block_stop 1',
      'message_delta',
      'message_stop',
    ]);
  });

  it('says only the end marker where the finish was said already', async () => {
    const bytes = fixture('text');
    const head = bytes.subarray(0, bytes.indexOf('event: message_stop'));
    const stream = goOn(head, []);
    expect(stream).toBe(bytes.toString());
    expect((await clientReads(stream)).usage).toMatchObject({ input_tokens: 25, output_tokens: 15 });
  });

  it('says nothing after the end', () => {
    expect(goOn(fixture('text'), [text('a')])).toBe(fixture('text').toString());
  });

  it('guesses from the parts alone where they do not come from a reader', () => {
    const writer = createStreamWriter(CONTEXT);
    writer.resume([{ type: 'start' }, { type: 'reasoning-delta', choice: 0, text: 'hm' }, text('Once')], {});
    expect(shapeOf(writer.write([text(' upon')]) + writer.end())).toEqual([
      'content_block_delta 1 text_delta',
      'content_block_stop 1',
      'message_delta',
      'message_stop',
    ]);
    const done = createStreamWriter(CONTEXT);
    done.resume([text('Once'), finish('stop')], {});
    expect(shapeOf(done.end())).toEqual(['message_stop']);
  });
});

/** The whole answer that the parts say. */
function answerOf(parts: readonly StreamPart[]): ChatAnswer {
  const content: ChatAnswer['content'][number][] = [];
  const calls = new Map<number, number>();
  let finishReason: ChatAnswer['finishReason'] = 'stop';
  let usage: ChatAnswer['usage'];
  const append = (type: 'text' | 'reasoning' | 'refusal', value: string): void => {
    const last = content.at(-1);
    if (last?.type === type) content[content.length - 1] = { ...last, text: last.text + value };
    else content.push({ type, text: value });
  };
  for (const part of parts) {
    switch (part.type) {
      case 'text-delta':
        append('text', part.text);
        break;
      case 'reasoning-delta':
        append('reasoning', part.text);
        break;
      case 'refusal-delta':
        append('refusal', part.text);
        break;
      case 'tool-call-start':
        calls.set(part.index, content.length);
        content.push({ type: 'tool-call', id: part.id, name: part.name, arguments: '' });
        break;
      case 'tool-call-delta': {
        const at = calls.get(part.index) ?? -1;
        const known = content[at];
        if (known?.type === 'tool-call') content[at] = { ...known, arguments: known.arguments + part.arguments };
        break;
      }
      case 'finish':
        finishReason = part.reason;
        break;
      case 'usage':
        usage = part.usage;
        break;
      default:
    }
  }
  return { content, finishReason, usage };
}

/** The same deltas with pieces of a JSON object as arguments: the client raises on anything else. */
function withJsonArguments(parts: readonly StreamPart[]): readonly StreamPart[] {
  const pieces = new Map<number, string[]>();
  for (const part of parts) {
    if (part.type === 'tool-call-delta') pieces.set(part.index, [...(pieces.get(part.index) ?? []), part.arguments]);
  }
  for (const [index, texts] of pieces) {
    const json = JSON.stringify({ said: texts });
    const size = Math.ceil(json.length / texts.length);
    pieces.set(
      index,
      texts.map((_, piece) => json.slice(piece * size, (piece + 1) * size)),
    );
  }
  return parts.map((part) =>
    part.type === 'tool-call-delta' ? args(part.index, pieces.get(part.index)?.shift() ?? '') : part,
  );
}

/** A call without arguments is said as `{}`. */
function withoutSeals(content: ChatAnswer['content']): unknown {
  return content.map((part) => {
    if (part.type !== 'tool-call') return { type: part.type, text: part.text };
    return { ...part, arguments: part.arguments === '' ? '{}' : part.arguments };
  });
}
