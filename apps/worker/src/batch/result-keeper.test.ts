import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import type { BatchResult, BatchStatus, BatchStore } from '@moltbot/storage';
import { createResultKeeper } from './result-keeper.js';

const result = (line: number): BatchResult => ({ line, kind: 'output', content: '{}' });

function scene(save: (results: readonly BatchResult[], call: number) => Promise<BatchStatus | undefined>) {
  const saved: (readonly number[])[] = [];
  const statuses: (BatchStatus | undefined)[] = [];
  const errors: unknown[] = [];
  const abort = new AbortController();
  let calls = 0;
  const batches: Pick<BatchStore, 'save'> = {
    save: async (_id, { results }) => {
      calls += 1;
      const status = await save(results, calls);
      saved.push(results.map(({ line }) => line));
      return status;
    },
  };
  const keeper = createResultKeeper({
    batches,
    batchId: 'b',
    worker: 'w',
    signal: abort.signal,
    onStatus: (status) => statuses.push(status),
    onError: (error) => errors.push(error),
  });
  return { keeper, saved, statuses, errors, abort };
}

describe('the keeper of results', () => {
  it('stores together what comes while others are being stored', async () => {
    const first = Promise.withResolvers<void>();
    const { keeper, saved, statuses } = scene(async (_results, call) => {
      if (call === 1) await first.promise;
      return 'in_progress';
    });
    const kept = [1, 2, 3].map(async (line) => keeper.keep(result(line)));
    await keeper.beat();
    first.resolve();
    await Promise.all(kept);
    expect(saved).toEqual([[1], [2, 3]]);
    expect(statuses).toEqual(['in_progress', 'in_progress']);
  });

  it('waits for a database that is away', async () => {
    const { keeper, saved, errors } = scene(async (_results, call) => {
      if (call === 1) throw new MoltbotError('storage_unavailable');
      return 'in_progress';
    });
    await keeper.keep(result(1));
    expect(saved).toEqual([[1]]);
    expect(errors).toMatchObject([{ code: 'storage_unavailable' }]);
  });

  it('gives up when the job ends, and at once where waiting is of no use', async () => {
    const away = scene(async () => {
      throw new MoltbotError('storage_unavailable');
    });
    const keeping = away.keeper.keep(result(1));
    away.abort.abort();
    await expect(keeping).rejects.toMatchObject({ code: 'storage_unavailable' });
    const broken = scene(async () => {
      throw new Error('no such column');
    });
    await expect(broken.keeper.keep(result(1))).rejects.toThrow('no such column');
  });

  it('tells that it lives, hears how the batch stands, and bears a database that is away', async () => {
    const { keeper, saved, statuses, errors } = scene(async (_results, call) => {
      if (call === 2) throw new MoltbotError('storage_unavailable');
      return undefined;
    });
    await keeper.beat();
    await keeper.beat();
    expect([saved, statuses, errors.length]).toEqual([[[]], [undefined], 1]);
  });
});
