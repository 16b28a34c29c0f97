import { describe, expect, it } from '@jest/globals';
import { fromError } from './from-error.js';

function kindOf(status: number, error: object) {
  const body = Buffer.from(JSON.stringify({ error }));
  return fromError({ status, headers: {}, body, now: 0 });
}

const TYPE = { type: 'invalid_request_error' };

describe('a 404 of OpenAI’s responses', () => {
  it.each([
    { ...TYPE, code: 'model_not_found', param: null, message: 'The model `x` does not exist.' },
    { ...TYPE, code: null, param: 'model', message: 'The model `x` does not exist.' },
    { ...TYPE, code: null, param: null, message: 'Invalid URL (POST /v1/responses)' },
    { ...TYPE, code: 'unknown_url', param: null, message: 'Unknown request URL' },
    { type: 'NotFoundError', code: 404, param: 'model', message: 'The model `x` does not exist.' },
    {},
  ])('is about the model, or the provider’s address: %j', (error) => {
    expect(kindOf(404, error)).toMatchObject({ kind: 'model-not-found' });
  });

  it.each([
    { ...TYPE, code: null, param: 'input', message: "Item with id 'rs_1' not found." },
    { ...TYPE, param: null, message: "Conversation with id 'conv_1' not found." },
  ])('is the caller’s, whose model stays in the chain: %j', (error) => {
    const { message } = error;
    expect(kindOf(404, error)).toMatchObject({ kind: 'invalid-request', status: 404, callerMessage: message });
  });
});
