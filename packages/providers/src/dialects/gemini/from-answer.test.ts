import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ProviderError } from '../../failure.js';
import { geminiWire } from './wire.js';

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function kindOf(body: Buffer): unknown {
  try {
    return geminiWire.fromAnswer(body).answer();
  } catch (error) {
    return error instanceof ProviderError ? error.kind : error;
  }
}

describe('a whole answer of Gemini', () => {
  it('is read with its thoughts, texts and calls', () => {
    const body = readFileSync(new URL('./__fixtures__/call-with-id.json', import.meta.url));
    const whole = geminiWire.fromAnswer(body);
    expect(whole.bytes).toBe(body);
    expect(whole.usage).toEqual({ inputTokens: 29, outputTokens: 819, reasoningTokens: 804, source: 'provider' });
    expect(whole.answer()).toEqual({
      id: 'dqHOab6xGLzWodAPkPuViA4',
      model: 'gemini-3.1-pro-preview',
      content: [
        { type: 'reasoning', text: '**Plan** it.' },
        { type: 'text', text: 'I look it up.' },
        {
          type: 'tool-call',
          id: 'lpndqlku',
          name: 'get_weather',
          arguments: '{"city":"Paris"}',
          signature: 'AY89a19YsnFp7FOSIejJDV9XuMU996D+ZaDJiD6L9EEi+Lh+VGTEGqM3Lip3DPI7QzY=',
        },
      ],
      finishReason: 'tool-calls',
      usage: whole.usage,
    });
  });

  it('is the first candidate', () => {
    const body = json({
      candidates: [
        { index: 0, content: { parts: [{ text: 'a' }] }, finishReason: 'MAX_TOKENS' },
        { index: 1, content: { parts: [{ text: 'b' }] }, finishReason: 'STOP' },
      ],
    });
    expect(kindOf(body)).toMatchObject({ content: [{ type: 'text', text: 'a' }], finishReason: 'length' });
  });

  it.each([
    ['an empty body', Buffer.alloc(0), 'not-an-answer'],
    ['HTML', Buffer.from('<html></html>'), 'not-an-answer'],
    ['cut JSON', Buffer.from('{"candidates":[{"content"'), 'not-an-answer'],
    ['a list', json([]), 'not-an-answer'],
    ['no candidate', json({ usageMetadata: { promptTokenCount: 3 } }), 'not-an-answer'],
    ['a candidate without an end', json({ candidates: [{ content: { parts: [{ text: 'a' }] } }] }), 'not-an-answer'],
    ['an error object', json({ error: { code: 503, status: 'UNAVAILABLE' } }), 'overloaded'],
    ['an error in a list', json([{ error: { code: 401, status: 'UNAUTHENTICATED' } }]), 'credential-rejected'],
    ['an error of no kind', json({ error: 'words' }), 'not-an-answer'],
    ['a botched call', json({ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL' }] }), 'server-error'],
    ['a blocked prompt', json({ promptFeedback: { blockReason: 'SAFETY' } }), 'content-filtered'],
  ])('is not %s', (_, body, kind) => {
    expect(kindOf(body)).toBe(kind);
  });
});
