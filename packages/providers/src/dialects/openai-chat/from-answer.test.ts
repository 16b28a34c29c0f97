import { describe, expect, it } from '@jest/globals';
import type { ProviderError } from '../../failure.js';
import { openAiEmbeddingsWire } from './embeddings.js';
import { fromAnswer } from './from-answer.js';
import { fromError } from './from-error.js';

function thrown(action: () => unknown): ProviderError {
  try {
    action();
  } catch (error) {
    return error as ProviderError;
  }
  throw new Error('Nothing was thrown.');
}

function answer(message: object, more: object = {}) {
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }];
  return fromAnswer(Buffer.from(JSON.stringify({ id: 'c-1', model: 'm', choices, ...more })));
}

describe('a whole answer', () => {
  it('is the first choice in order of reasoning, text, refusal and calls', () => {
    const { content, finishReason } = answer({
      content: 'Hi',
      reasoning: 'Hm',
      refusal: 'No',
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
        { type: 'function', index: 0, function: { name: 'g', arguments: { y: 2 } } },
        { id: 'c', index: 0, type: 'custom', custom: { name: 'h', input: 'raw' } },
      ],
    }).answer();
    expect(content).toEqual([
      { type: 'reasoning', text: 'Hm' },
      { type: 'text', text: 'Hi' },
      { type: 'refusal', text: 'No' },
      { type: 'tool-call', id: 'a', name: 'f', arguments: '{"x":1}' },
      { type: 'tool-call', id: 'call_c-1_0_1', name: 'g', arguments: '{"y":2}' },
      { type: 'tool-call', id: 'c', name: 'h', arguments: 'raw' },
    ]);
    expect(finishReason).toBe('refusal');
    expect(answer({ function_call: { name: 'f', arguments: '{}' } }).answer().content).toMatchObject([
      { type: 'tool-call', name: 'f', arguments: '{}' },
    ]);
  });

  it('keeps Gemini’s seal on a call', () => {
    const call = {
      id: 'a',
      function: { name: 'f', arguments: '{}' },
      extra_content: { google: { thought_signature: 'sig' } },
    };
    expect(answer({ tool_calls: [call] }).answer().content).toEqual([
      { type: 'tool-call', id: 'a', name: 'f', arguments: '{}', signature: 'sig' },
    ]);
  });

  it.each([
    ['no choices', '{"id":"x","choices":[]}', 'not-an-answer'],
    ['a choice without a message', '{"choices":[{"index":0,"text":"x"}]}', 'not-an-answer'],
    ['a list', '[]', 'not-an-answer'],
    ['an error with a status', '{"error":{"code":429,"message":"x"}}', 'rate-limited'],
    ['an error with a code', '{"error":{"code":"insufficient_quota","message":"x"}}', 'quota-exhausted'],
    ['an error as text', '{"error":"x"}', 'server-error'],
    [
      'a choice that broke off',
      '{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"error","error":{"code":502}}]}',
      'server-error',
    ],
  ])('is none with %s', (_, body, kind) => {
    expect(thrown(() => fromAnswer(Buffer.from(body)))).toMatchObject({ name: 'ProviderError', kind });
  });
});

describe('an error answer', () => {
  const read = (status: number, error: unknown): ProviderError =>
    fromError({ status, headers: {}, body: Buffer.from(JSON.stringify(error)), now: 0 });

  it.each([
    ['OpenAI, too long', 400, { error: { code: 'context_length_exceeded', message: 'm' } }, 'context-too-long'],
    ['llama.cpp, too long', 400, { error: { code: 400, type: 'exceed_context_size_error' } }, 'context-too-long'],
    ['OpenAI, no money', 429, { error: { type: 'insufficient_quota', code: 'insufficient_quota' } }, 'quota-exhausted'],
    [
      'OpenAI, wrong key',
      401,
      { error: { type: 'invalid_request_error', code: 'invalid_api_key' } },
      'credential-rejected',
    ],
    [
      'OpenAI, unknown model',
      404,
      { error: { type: 'invalid_request_error', code: 'model_not_found' } },
      'model-not-found',
    ],
    ['OpenAI, overloaded', 503, { error: { type: 'server_error', code: 'slow_down' } }, 'overloaded'],
    [
      'Azure, filtered',
      400,
      { error: { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } } },
      'content-filtered',
    ],
    ['Azure, no deployment', 404, { error: { code: 'DeploymentNotFound' } }, 'model-not-found'],
    ['OpenRouter, moderated', 403, { error: { code: 403, metadata: { reasons: ['x'] } } }, 'content-filtered'],
    ['OpenRouter, no credits', 402, { error: { code: 402 } }, 'quota-exhausted'],
    ['vLLM', 404, { object: 'error', type: 'NotFoundError', code: 404 }, 'model-not-found'],
    ['Mistral', 400, { object: 'error', type: 'invalid_model', code: '1500' }, 'model-not-found'],
    ['Groq', 413, { error: { type: 'tokens', code: 'rate_limit_exceeded' } }, 'rate-limited'],
    ['Ollama', 404, { error: 'model "x" not found' }, 'model-not-found'],
    ['FastAPI', 422, { detail: [{ loc: ['body'], msg: 'x' }] }, 'invalid-request'],
  ])('of %s is told by status and code', (_, status, body, kind) => {
    expect(read(status, body)).toMatchObject({ kind, status });
  });

  it('passes the provider’s words and the field on only where the caller can mend it', () => {
    const error = { message: 'bad field', param: 'messages', type: 'invalid_request_error' };
    expect(read(400, { error })).toMatchObject({ callerMessage: 'bad field', param: 'messages' });
    expect(read(401, { error })).toMatchObject({ callerMessage: undefined, param: undefined });
  });
});

describe('embeddings', () => {
  const FLOATS = [0.5, -1, 0];
  const BASE64 = Buffer.from(new Float32Array(FLOATS).buffer).toString('base64');
  const body = (embedding: unknown): Buffer =>
    Buffer.from(
      JSON.stringify({
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding }],
        model: 'e',
        usage: { prompt_tokens: 5, total_tokens: 5 },
      }),
    );

  it('pass as they came where the encoding is the one asked for', () => {
    for (const [embedding, encoding] of [
      [FLOATS, 'float'],
      [BASE64, 'base64'],
    ] as const) {
      const given = body(embedding);
      const { bytes, usage } = openAiEmbeddingsWire.fromAnswer({ body: given, encoding, model: 'm' });
      expect(bytes).toBe(given);
      expect(usage).toMatchObject({ inputTokens: 5, outputTokens: 0 });
    }
  });

  it('are encoded anew where the server ignores the encoding', () => {
    const base64 = openAiEmbeddingsWire.fromAnswer({ body: body(FLOATS), encoding: 'base64', model: 'm' }).bytes;
    expect(JSON.parse(base64.toString())).toEqual(JSON.parse(body(BASE64).toString()));
    const float = openAiEmbeddingsWire.fromAnswer({ body: body(BASE64), encoding: 'float', model: 'm' }).bytes;
    expect(JSON.parse(float.toString())).toEqual(JSON.parse(body(FLOATS).toString()));
  });

  it.each([
    [{ data: [] }],
    [{ data: [{ embedding: [] }] }],
    [{ data: [{ embedding: ['x'] }] }],
    [{ data: [null] }],
    [7],
  ])('are none in %j', (value) => {
    const given = Buffer.from(JSON.stringify(value));
    const error = thrown(() => openAiEmbeddingsWire.fromAnswer({ body: given, encoding: 'float', model: 'm' }));
    expect(error).toMatchObject({ name: 'ProviderError', kind: 'not-an-answer' });
  });
});
