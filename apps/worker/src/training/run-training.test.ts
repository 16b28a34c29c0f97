import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { recordedTraining } from '@moltbot/providers/testing';
import { listRegisteredModels } from '@moltbot/storage';
import { dataSetKey } from './training-run.js';
import { example, examples, openTrainingRig, type TrainingRig } from './__fixtures__/training-rig.js';

const FT = recordedTraining.RECORDED_SUCCESS['fine_tuned_model'] as string;

describe('a training', () => {
  let rig: TrainingRig;

  beforeAll(async () => {
    rig = await openTrainingRig();
  });

  afterEach(async () => rig.freshService());

  afterAll(async () => rig?.close());

  it('goes from the file to a model in the catalogue, with its events, checkpoints and cost', async () => {
    const id = await rig.add(examples(12, { source: 'crm' }), {
      owner: 'user:ann',
      validation: examples(2),
      asked: {
        upstreamModel: 'gpt-4o-mini-2024-07-18',
        suffix: 'mine',
        seed: 7,
        metadata: { team: 'a' },
        method: { type: 'supervised' },
      },
    });
    const job = await rig.begun(id);
    expect(await rig.record(id)).toMatchObject({ status: 'validating_files', upstreamId: job.id, credential: 'mine' });
    expect(await rig.objects.head(dataSetKey(id, 'training'))).toBeUndefined();
    const files = [...rig.service.files.entries()];
    expect(files.map(([, { name }]) => name)).toEqual([
      `moltbot-${id}-validation.jsonl`,
      `moltbot-${id}-training.jsonl`,
    ]);
    expect(files[1]?.[1].content.toString()).toBe(`${examples(12).join('\n')}\n`);
    expect(job.asked).toEqual({
      model: 'gpt-4o-mini-2024-07-18',
      training_file: files[1]?.[0],
      validation_file: files[0]?.[0],
      suffix: 'mine',
      seed: 7,
      metadata: { team: 'a' },
      method: { type: 'supervised' },
    });
    job.stands = { status: 'running', estimated_finish: 1_721_770_000 };
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'running',
      upstream: { estimatedFinish: 1_721_770_000_000 },
    });
    rig.service.succeed(job);
    expect(await rig.turn(id)).toEqual({ fine_tuning_job: id, status: 'succeeded', model: `mine:${FT}`, error: null });
    expect(await rig.record(id)).toMatchObject({ status: 'succeeded', fineTunedModel: FT, trouble: undefined });
    expect(await listRegisteredModels(rig.storage)).toMatchObject([
      { provider: 'mine', name: FT, baseModel: 'mine:gpt-4o-mini', fineTuningId: id },
    ]);
    const events = await rig.storage.fineTunings.events(id, { limit: 100 });
    expect(events.map(({ message }) => message).toReversed()).toEqual([
      'The training data set has 12 examples: about 144 tokens, the longest example about 12, 12 fields left out.',
      'The validation data set has 2 examples: about 24 tokens, the longest example about 12.',
      'Created fine-tuning job: ftjob-abc123',
      'Step 100/100: training loss=0.00',
      'New fine-tuned model created: ft:gpt-4o-mini:openai::7p4lURel',
    ]);
    expect(await rig.storage.fineTunings.checkpoints(id, { limit: 9 })).toMatchObject([{ step: 2_000 }]);
    const rows = await rig.storage.db.run<{
      cost_micros: number;
      input_tokens: number;
      operation: string;
      api_key_id: string;
    }>(
      {
        name: 'test_requests',
        text: 'select * from requests where request_id = $1',
      },
      [id],
    );
    expect(rows).toMatchObject([
      { operation: 'fine-tuning', api_key_id: 'user:ann', input_tokens: 5_768, cost_micros: 5_768 * 25 },
    ]);
    // Once more, as a worker would that was killed in between: nothing is done again.
    const before = rig.service.asked.length;
    expect(await rig.turn(id)).toMatchObject({ status: 'succeeded' });
    expect(rig.service.asked.length).toBe(before);
  });

  it('learns from rated conversations those that are good enough', async () => {
    const lines = [...examples(11, { rating: 5 }), ...examples(3, { rating: 5 }), example('poor', { rating: 1 })];
    const id = await rig.add(lines, { asked: { upstreamModel: 'm', minRating: 4 } });
    await rig.begun(id);
    expect([...rig.service.files.values()][0]?.content.toString()).toBe(`${examples(11).join('\n')}\n`);
    expect((await rig.record(id)).dataSet).toMatchObject({ training: { examples: 11, duplicates: 3, belowRating: 1 } });
  });

  it('fails over a file that can not be learned from, and tells the provider nothing', async () => {
    const id = await rig.add([...examples(12), '{"messages":[]}']);
    const { record } = await rig.run(id);
    expect(record).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_training_file',
        param: 'training_file',
        message:
          'One line of the training file can not be learned from. Line 13: messages: expected a list that is not empty.',
      },
    });
    expect((await rig.storage.fineTunings.events(id, { limit: 9 })).map(({ level }) => level)).toEqual(['error']);
    expect(rig.service.asked).toEqual([]);
  });

  it('is cancelled where its job in the queue is', async () => {
    const id = await rig.add(examples(10));
    const stop = new AbortController();
    rig.service.fault = () => {
      setTimeout(() => stop.abort(new MoltbotError('job_cancelled')), 50);
      return { type: 'silence' };
    };
    await expect(rig.turn(id, stop.signal)).rejects.toMatchObject({ code: 'job_cancelled' });
    expect(rig.followUps.at(-1)).toEqual(['training', { fine_tuning_job: id }, { key: 'after-cancel' }]);
    rig.service.fault = () => undefined;
    expect((await rig.run(id)).record.status).toBe('cancelled');
    expect(rig.service.trainings).toEqual([]);
  });

  it('is nothing that goes on once it is deleted', async () => {
    await expect(rig.turn('ftjob-none')).rejects.toMatchObject({ code: 'not_found' });
  });
});
