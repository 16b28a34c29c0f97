import { describe, expect, it } from '@jest/globals';
import type { JobView } from '@moltbot/contracts';
import { outcomeOf } from './show-job.js';

const outcome = (type: string, result: unknown) => outcomeOf({ type } as JobView, result);

describe('the outcome of a job that was done', () => {
  it('is that of the training', () => {
    const training = { fine_tuning_job: 'ftjob-1', status: 'succeeded', model: 'demo:x', error: null };
    expect(outcome('training', training)).toEqual({ ok: true, text: '  training succeeded: demo:x' });
    const error = { code: 'too_few_examples', message: 'Three are too few.' };
    expect(outcome('training', { ...training, status: 'failed', model: null, error })).toEqual({
      ok: false,
      text: '  training failed: too_few_examples: Three are too few.',
    });
    expect(outcome('training', { ...training, status: 'cancelled', model: null })).toEqual({
      ok: false,
      text: '  training cancelled',
    });
  });

  it('is the verdict of the drill', () => {
    expect(outcome('drill', { verdict: 'passed', chains: [] })).toEqual({ ok: true, text: '  drill passed' });
    expect(outcome('drill', { verdict: 'failed', chains: [] })).toEqual({ ok: false, text: '  drill failed' });
  });

  it('is good where a job says nothing of the kind', () => {
    for (const [type, result] of [
      ['probe', { steps: 1 }],
      ['training', undefined],
      ['drill', { verdict: 'of a newer version' }],
    ] as const) {
      expect(outcome(type, result)).toEqual({ ok: true, text: '' });
    }
  });
});
