import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { StreamPart } from '@moltbot/contracts';
import fc from 'fast-check';
import { ProviderError } from '../../failure.js';
import { createStreamReader } from './from-stream.js';

function fixture(name: string): Buffer {
  return readFileSync(new URL(`./__fixtures__/${name}.sse`, import.meta.url));
}

/** Reads the bytes in the given pieces; everything that came before an error too. */
function readAll(pieces: readonly Buffer[]): {
  parts: StreamPart[];
  bytes: Buffer;
  finished: boolean;
  error: ProviderError | undefined;
} {
  const reader = createStreamReader();
  const parts: StreamPart[] = [];
  const bytes: Buffer[] = [];
  let error: ProviderError | undefined;
  for (const piece of pieces) {
    let frame: ReturnType<typeof reader.read>;
    try {
      frame = reader.read(piece);
    } catch (thrown) {
      if (!(thrown instanceof ProviderError)) throw thrown;
      error = thrown;
      frame = reader.takePending();
    }
    parts.push(...frame.parts);
    bytes.push(frame.bytes);
    if (error !== undefined) break;
  }
  return { parts, bytes: Buffer.concat(bytes), finished: reader.finished, error };
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

describe('reading a Messages stream', () => {
  it('says text, the finish and the usage with cached tokens in the input', () => {
    const { parts, bytes, finished } = readAll([fixture('text')]);
    expect(parts).toEqual([
      { type: 'start', id: 'msg_01XFDUDYJgAACzvnptvVoYEL', model: 'claude-sonnet-4-5-20250929' },
      { type: 'text-delta', choice: 0, text: 'Grüß' },
      { type: 'text-delta', choice: 0, text: ' Gott — 你好 👋!' },
      { type: 'finish', choice: 0, reason: 'stop' },
      {
        type: 'usage',
        usage: {
          inputTokens: 2125,
          outputTokens: 15,
          cachedInputTokens: 2000,
          cacheWriteTokens: 100,
          reasoningTokens: undefined,
          source: 'provider',
        },
      },
      { type: 'end' },
    ]);
    expect(bytes).toEqual(fixture('text'));
    expect(finished).toBe(true);
  });

  it('says thinking with its seal, encrypted thinking, and parallel calls with their arguments', () => {
    expect(readAll([fixture('thinking-and-tools')]).parts).toEqual([
      { type: 'start', id: 'msg_014p7gG3wDgGV9EUtLvnow3U', model: 'claude-opus-5' },
      { type: 'reasoning-delta', choice: 0, text: 'Two cities,' },
      { type: 'reasoning-delta', choice: 0, text: ' two calls.' },
      { type: 'reasoning-seal', choice: 0, signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds=' },
      {
        type: 'reasoning-seal',
        choice: 0,
        redacted: 'EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP',
      },
      { type: 'text-delta', choice: 0, text: 'Let me look.' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6', name: 'get_weather' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"location":' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: ' "Zürich", "station": 12345678901234567890}' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'toolu_01A09q90qw90lq917835lq9', name: 'get_time' },
      { type: 'tool-call-delta', choice: 0, index: 1, arguments: '{}' },
      { type: 'finish', choice: 0, reason: 'tool-calls' },
      {
        type: 'usage',
        usage: {
          inputTokens: 472,
          outputTokens: 89,
          cachedInputTokens: undefined,
          cacheWriteTokens: undefined,
          reasoningTokens: 31,
          source: 'provider',
        },
      },
      { type: 'end' },
    ]);
  });

  it('passes server tools, citations and unknown events and says nothing of them', () => {
    const { parts, bytes, finished } = readAll([fixture('web-search')]);
    expect(parts.map((part) => part.type)).toEqual(['start', 'text-delta']);
    expect(bytes).toEqual(fixture('web-search'));
    expect(finished).toBe(false);
  });

  it('throws an error event as the kind its type says, after the good events before it', () => {
    const { parts, bytes, finished, error } = readAll([fixture('overloaded')]);
    expect(error).toMatchObject({ kind: 'overloaded', providerCode: 'overloaded_error', callerMessage: undefined });
    expect(parts.map((part) => part.type)).toEqual(['start', 'text-delta']);
    expect(bytes.toString()).toBe(fixture('overloaded').toString().split('event: error')[0]);
    expect(finished).toBe(false);
  });

  it.each([
    ['rate_limit_error', 'rate-limited'],
    ['api_error', 'server-error'],
    ['invalid_request_error', 'invalid-request'],
    ['something_new', 'stream-error'],
  ])('takes an error event of type %s for %s', (type, kind) => {
    const event = `event: error\ndata: {"type":"error","error":{"type":"${type}","message":"m"}}\n\n`;
    expect(readAll([Buffer.from(event)]).error?.kind).toBe(kind);
  });

  it('reads a server that names no events, gives no index and no stop reason, and sends arguments whole', () => {
    const { parts, bytes } = readAll([fixture('compatible-server')]);
    expect(parts).toEqual([
      { type: 'start', id: 'c1', model: 'kimi-k3' },
      { type: 'text-delta', choice: 0, text: 'Hi' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'functions.f:0', name: 'f' },
      { type: 'tool-call-delta', choice: 0, index: 0, arguments: '{"a":1}' },
      { type: 'finish', choice: 0, reason: 'tool-calls' },
      { type: 'usage', usage: expect.objectContaining({ inputTokens: 7, outputTokens: 3 }) },
      { type: 'end' },
    ]);
    const names = bytes.toString().match(/^event: \w+$/gm);
    expect(names).toEqual([
      'event: message_start',
      'event: content_block_start',
      'event: content_block_stop',
      'event: content_block_start',
      'event: content_block_stop',
      'event: message_delta',
      'event: message_stop',
    ]);
    expect(bytes.includes('[DONE]')).toBe(false);
  });

  it('counts as finished from the stop reason on, before the end marker', () => {
    const text = fixture('text').toString();
    const cut = text.slice(0, text.indexOf('event: message_stop'));
    const { parts, finished } = readAll([Buffer.from(cut)]);
    expect(finished).toBe(true);
    expect(parts.at(-1)?.type).toBe('usage');
  });

  it.each(['data: {"type":"content_block', 'data: 17', 'event: content_block_delta\ndata: <html>'])(
    'calls %j malformed',
    (event) => {
      expect(readAll([Buffer.from(`${event}\n\n`)]).error?.kind).toBe('stream-malformed');
    },
  );

  it('takes members of a wrong type for absent', () => {
    const events = [
      '{"type":"message_start","message":7}',
      '{"type":"content_block_start","index":-1,"content_block":{"type":"text","text":9}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":null}}',
      '{"type":"content_block_delta","index":99,"delta":{"type":"input_json_delta","partial_json":"{}"}}',
      '{"type":"content_block_delta"}',
      '{"type":"content_block_stop","index":5}',
      '{"type":"message_delta","usage":[]}',
      '{"type":"message_stop"}',
    ];
    const { parts, error } = readAll([Buffer.from(events.map((event) => `event: e\ndata: ${event}\n\n`).join(''))]);
    expect(error).toBeUndefined();
    expect(parts).toEqual([
      { type: 'start', id: undefined, model: undefined },
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'end' },
    ]);
  });

  it('gives a whole chunk through as the same buffer', () => {
    const chunk = fixture('text');
    expect(createStreamReader().read(chunk).bytes).toBe(chunk);
  });

  it.each(['text', 'thinking-and-tools', 'web-search', 'overloaded', 'compatible-server'])(
    'says the same of %s wherever the chunks are cut',
    (name) => {
      const bytes = fixture(name);
      const whole = readAll([bytes]);
      fc.assert(
        fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
          const pieces = readAll(cutAt(bytes, cuts));
          expect(pieces.parts).toEqual(whole.parts);
          expect(pieces.finished).toBe(whole.finished);
          expect(pieces.error?.kind).toBe(whole.error?.kind);
          // Unnamed events are written anew, without comments: only then may the bytes differ.
          if (name !== 'compatible-server') expect(pieces.bytes.equals(whole.bytes)).toBe(true);
        }),
        { numRuns: 60 },
      );
    },
  );
});
