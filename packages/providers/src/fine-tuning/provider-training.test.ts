import { describe, expect, it } from '@jest/globals';
import * as recorded from '../testing/recorded-training.js';
import { readCheckpoint, readProviderFile, readTraining, readTrainingEvent } from './provider-training.js';

const read = (over: object) => readTraining({ ...recorded.RECORDED_TRAINING, ...over });

describe('readTraining', () => {
  it('reads a job that waits, whose error is an empty object', () => {
    expect(read({})).toEqual({
      id: 'ftjob-abc123',
      status: 'validating_files',
      trainingFile: 'file-abc123',
      model: undefined,
      trainedTokens: undefined,
      error: undefined,
      resultFiles: [],
      hyperparameters: { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' },
      method: recorded.RECORDED_TRAINING['method'],
      seed: 683_058_546,
      createdAt: 1_721_764_800_000,
      estimatedFinish: undefined,
    });
  });

  it('reads what came of it, at OpenAI and at Azure', () => {
    expect(read(recorded.RECORDED_SUCCESS)).toMatchObject({
      status: 'succeeded',
      model: 'ft:gpt-4o-mini-2024-07-18:my-org::7qTVM5AR',
      trainedTokens: 5_768,
      resultFiles: ['file-abc456'],
      error: undefined,
    });
    expect(readTraining(recorded.RECORDED_AZURE_SUCCESS)).toMatchObject({
      status: 'succeeded',
      model: 'gpt-4o-mini-2024-07-18.ft-0e208cf33a6a466994aff31a08aba678',
      trainedTokens: 6_720,
      method: undefined,
    });
    expect(read(recorded.RECORDED_FAILURE)?.error).toMatchObject({
      code: 'invalid_training_file',
      param: 'training_file',
    });
    expect(read(recorded.RECORDED_CANCELLED)).toMatchObject({ status: 'cancelled', error: undefined });
  });

  it('takes a status that is not OpenAI’s for unknown, and nothing that could not be sent or shown', () => {
    expect(read({ status: 'cancelling' })?.status).toBe('unknown');
    expect(read({ status: 7 })?.status).toBe('unknown');
    expect(read({ id: 'a\r\nb' })).toBeUndefined();
    expect(read({ id: 'x'.repeat(300) })).toBeUndefined();
    expect(read({ fine_tuned_model: 'a b' })?.model).toBeUndefined();
    expect(read({ trained_tokens: 'many', created_at: -1, result_files: 'none' })).toMatchObject({
      trainedTokens: undefined,
      createdAt: undefined,
      resultFiles: [],
    });
    expect(read({ error: { message: 'x'.repeat(9_999) } })?.error?.message).toHaveLength(2_000);
    let deep: object = {};
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    expect(read({ method: deep, hyperparameters: { long: 'x'.repeat(20_000) } })).toMatchObject({
      method: undefined,
      hyperparameters: undefined,
    });
    expect([readTraining(null), readTraining([]), readTraining('ftjob-1')]).toEqual([undefined, undefined, undefined]);
  });
});

describe('the other readers', () => {
  it('read events, checkpoints and files', () => {
    expect(recorded.RECORDED_EVENTS.map(readTrainingEvent)).toMatchObject([
      { type: 'message', level: 'info', data: {} },
      { type: 'metrics', data: { step: 100 } },
      { type: 'message', data: undefined },
    ]);
    expect(readTrainingEvent({ id: 'e', level: 'fatal', message: 7 })).toMatchObject({ level: 'info', message: '' });
    expect(readCheckpoint(recorded.RECORDED_CHECKPOINT)).toMatchObject({
      step: 2_000,
      metrics: { full_valid_loss: 0.134, full_valid_mean_token_accuracy: 0.874 },
    });
    expect(readCheckpoint({ id: 'c' })).toBeUndefined();
    expect(readProviderFile(recorded.RECORDED_FILE)).toEqual({
      id: 'file-BK7bzQj3FfZFXr7DbL6xJwfo',
      name: 'mydata.jsonl',
      bytes: 120_000,
      status: 'processed',
    });
  });
});
