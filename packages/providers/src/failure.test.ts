import { describe, expect, it } from '@jest/globals';
import { ProviderError } from './failure.js';

describe('a provider’s error', () => {
  it('holds of a provider’s words no more than a caller can be shown', () => {
    const long = 'x'.repeat(70_000);
    const error = new ProviderError('invalid-request', 'Ours.', {
      providerCode: long,
      param: long,
      callerMessage: long,
    });
    expect([error.providerCode, error.param, error.callerMessage].map((text) => text?.length)).toEqual([
      100, 256, 2_000,
    ]);
    expect(error.message).toBe('Ours.');
  });
});
