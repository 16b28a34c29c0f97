import { describe, expect, it } from '@jest/globals';
import { ProviderError } from '../../failure.js';
import { geminiCountTokensWire } from './count-tokens.js';

function countOf(body: string): unknown {
  try {
    return geminiCountTokensWire.fromAnswer(Buffer.from(body));
  } catch (error) {
    return error instanceof ProviderError ? error.kind : error;
  }
}

describe('counting tokens with Gemini', () => {
  it('sends the whole request', () => {
    const { path, body } = geminiCountTokensWire.toRequest({
      model: 'gemini-2.5-flash',
      request: {
        messages: [
          { role: 'system', content: [{ type: 'text', text: 'Be short.' }] },
          { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
        ],
        tools: [{ name: 'f' }],
        unknownFields: [],
      },
    });
    expect(path).toBe('/models/gemini-2.5-flash:countTokens');
    expect(JSON.parse(body.toString())).toEqual({
      generateContentRequest: {
        model: 'models/gemini-2.5-flash',
        contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
        systemInstruction: { parts: [{ text: 'Be short.' }] },
        tools: [{ functionDeclarations: [{ name: 'f' }] }],
      },
    });
  });

  it.each([
    ['{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}', 31],
    ['{"totalTokens":-1}', 'not-an-answer'],
    ['<html>', 'not-an-answer'],
    ['{"error":{"code":404,"status":"NOT_FOUND"}}', 'model-not-found'],
  ])('reads %p as %p', (body, expected) => {
    expect(countOf(body)).toBe(expected);
  });
});
