import { describe, expect, it } from '@jest/globals';
import { streamTrailers } from './stream-trailers.js';

describe('the trailers of a stream', () => {
  it('say who wrote the answer, in how many calls and at what cost', () => {
    const attempts = [
      { target: 'a:x', outcome: 'cut', durationMs: 1 },
      { target: 'b:y', outcome: 'ok', durationMs: 1 },
    ];
    const spans = [
      { target: 'a:x', length: 40 },
      { target: 'b:y', length: 900 },
    ];
    expect(streamTrailers({ attempts, spans, costMicros: 1_234 })).toEqual({
      'x-moltbot-attempts': '2',
      'x-moltbot-cost': '0.001234',
      'x-moltbot-models': 'a:x, b:y',
    });
  });

  it('leave out a cost that nobody knows and a model that wrote nothing', () => {
    const spans = [{ target: 'a:x', length: 0 }];
    expect(streamTrailers({ attempts: [], spans, costMicros: undefined })).toEqual({ 'x-moltbot-attempts': '0' });
  });
});
