import { describe, expect, it } from '@jest/globals';
import { createCallerRequest } from '../../caller-request.js';
import type { JsonObject } from '../../json-object.js';
import type { TurnOptions } from '../../wire.js';
import { openAiResponsesDoor } from './door.js';
import { openAiResponsesWire } from './wire.js';

const OPTIONS: TurnOptions = { model: 'gpt-5', stream: false, streamUsage: true, defaultMaxOutputTokens: 10 };

function pass(body: string, options: Partial<TurnOptions> = {}): string {
  const call = createCallerRequest({ requestId: 'r', door: openAiResponsesDoor, bytes: Buffer.from(body) });
  const sent = openAiResponsesWire.passRequest(call, { ...OPTIONS, ...options });
  expect([sent.path, sent.dropped]).toEqual(['/responses', []]);
  return sent.body.toString();
}

describe('passing a caller’s own bytes to OpenAI’s responses', () => {
  it('sets the model, takes our own field away and touches nothing else', () => {
    const text =
      '{ "model":"default", "models":["a:b"],"top_p": 1.0e0,"store":true,"previous_response_id":"resp_1","new_field":{"x":[1, 2]},"input":"Hi" }';
    expect(pass(text)).toBe(text.replace('"default"', '"gpt-5"').replace('"models":["a:b"],', ''));
  });

  it('says whether it is streamed where that differs', () => {
    expect(pass('{"model":"m","input":"","stream":false}', { stream: true })).toContain('"stream":true');
    expect(pass('{"model":"m","input":""}')).not.toContain('stream');
  });

  it('takes away reasoning that another vendor’s model gave, short body or long, and keeps exact numbers', () => {
    const { output } = openAiResponsesDoor.toAnswer(
      {
        content: [
          { type: 'reasoning', text: 'Hm', signature: 'c2VhbA==' },
          { type: 'text', text: 'Let me see.' },
          { type: 'tool-call', id: 'a', name: 'f', arguments: '{}', signature: 'Z2VtaW5p' },
        ],
        finishReason: 'tool-calls',
      },
      { id: 'req_1', created: 1, model: 'm', includeUsage: true, estimatedInputTokens: 1 },
    ) as { output: JsonObject[] };
    expect(output.map((item) => item['type'])).toEqual(['reasoning', 'message', 'reasoning', 'function_call']);
    const theirs = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'sealed' };
    for (const length of [10, 100_000]) {
      const input = [{ role: 'user', content: 'a'.repeat(length) }, ...output, theirs];
      const passed = pass(`{"model":"m","id":12345678901234567890,"input":${JSON.stringify(input)}}`);
      expect(passed).toContain('"id":12345678901234567890');
      expect((JSON.parse(passed) as { input: unknown }).input).toEqual([input[0], output[1], output[3], theirs]);
    }
  });

  it('leaves input alone that only speaks of such reasoning', () => {
    const text = '{"model":"m","input":[{"role":"user","content":"What is rs_moltbot_1_0?"}]}';
    expect(pass(text)).toBe(text.replace('"m"', '"gpt-5"'));
  });
});
