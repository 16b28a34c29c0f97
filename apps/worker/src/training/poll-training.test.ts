import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { recordedTraining } from '@moltbot/providers/testing';
import { broken, busy, examples, openTrainingRig, type TrainingRig } from './__fixtures__/training-rig.js';

const FT = recordedTraining.RECORDED_SUCCESS['fine_tuned_model'] as string;

describe('what a provider says of a training', () => {
  let rig: TrainingRig;

  beforeAll(async () => {
    rig = await openTrainingRig();
  });

  afterEach(async () => rig.freshService());

  afterAll(async () => rig?.close());

  it('fails with the provider’s words when it can not learn from the file', async () => {
    const id = await rig.add(examples(10));
    (await rig.begun(id)).stands = recordedTraining.RECORDED_FAILURE;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: recordedTraining.RECORDED_FAILURE['error'] });
  });

  it('goes on through limits, faults and slow answers while it asks how the job stands', async () => {
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    rig.faults(
      'GET',
      /ftjob/,
      busy(3),
      broken,
      { type: 'status', status: 200, body: '<html>' },
      { type: 'slow', ms: 300 },
    );
    expect(await rig.turn(id)).toBeGreaterThanOrEqual(3_000);
    expect(await rig.record(id)).toMatchObject({ trouble: { code: 'rate_limited', failures: 1, missing: 0 } });
    expect([await rig.turn(id), await rig.turn(id)]).toEqual([200, 400]);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'upstream_error', failures: 3 },
    });
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({ trouble: undefined });
    rig.service.succeed(job);
    expect((await rig.run(id)).record.status).toBe('succeeded');
  });

  it('succeeds without the events that the provider can not give', async () => {
    const id = await rig.add(examples(10));
    rig.service.succeed(await rig.begun(id));
    rig.service.fault = (ask) => (/events|checkpoints/.test(ask.path) ? broken : undefined);
    const { record, waits } = await rig.run(id);
    expect([record.status, waits.length]).toEqual(['succeeded', 3]);
  });

  it('believes a provider that does not know the job when it says so three times', async () => {
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    rig.faults('GET', /ftjob/, { type: 'status', status: 404 }, { type: 'status', status: 404 });
    await rig.turn(id);
    await rig.turn(id);
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({ status: 'validating_files', trouble: undefined });
    rig.service.forget(job);
    const { record, waits } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'provider_job_missing' } });
    expect(waits).toHaveLength(2);
  });

  it('gives up when the provider could not be asked for so long, and says that the job may go on there', async () => {
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    rig.settings.give_up_after = '1s';
    rig.service.fault = () => broken;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'upstream_error' } });
    expect(record.error?.message).toContain(`The job there (${job.id}) may go on.`);
  });

  it('is cancelled at the provider too', async () => {
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    job.stands = { status: 'running' };
    await rig.storage.fineTunings.cancel(id);
    rig.faults('POST', /cancel/, busy(), broken);
    const { record } = await rig.run(id);
    expect([record.status, record.error, job.stands['status']]).toEqual(['cancelled', undefined, 'cancelled']);
    expect(rig.asks('POST', /cancel/)).toBe(3);
  });

  it('keeps the model of a job that had ended when it was to be cancelled', async () => {
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    rig.service.succeed(job);
    await rig.storage.fineTunings.cancel(id);
    rig.service.fault = (ask) =>
      ask.path.endsWith('/cancel')
        ? {
            type: 'status',
            status: 400,
            body: { error: { message: 'Job has already completed', type: 'invalid_request_error' } },
          }
        : undefined;
    expect((await rig.run(id)).record).toMatchObject({ status: 'succeeded', fineTunedModel: FT });
  });

  it('fails when the credential is rejected before it begins, and waits for a better one when the job is there', async () => {
    rig.service.token = 'sk-other';
    const first = await rig.add(examples(10));
    expect((await rig.run(first)).record).toMatchObject({ status: 'failed', error: { code: 'credential_rejected' } });
    rig.service.token = undefined;
    rig.tokens = ['sk-1'];
    const id = await rig.add(examples(10));
    const job = await rig.begun(id);
    rig.service.token = 'sk-2';
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'credential_rejected' },
    });
    rig.credentials = [];
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'credential_missing', failures: 2 },
    });
    rig.credentials = ['mine'];
    rig.tokens = ['sk-2'];
    rig.service.succeed(job);
    expect((await rig.run(id)).record.status).toBe('succeeded');
  });
});
