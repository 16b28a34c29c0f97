import { describe, expect, it } from '@jest/globals';
import { type JobState, MoltbotError } from '@moltbot/contracts';
import type { JobEventRow, JobProgress } from '@moltbot/queue';
import { followJob, readEventPosition } from './follow-job.js';

const row = (done: number): JobEventRow => ({ type: 'progress', at: 0, progress: { done, of: 9 } });

function progress(
  state: JobState,
  options: { readonly rows?: readonly number[]; readonly more?: boolean } = {},
): JobProgress {
  const { rows = [], more = false } = options;
  return {
    job: {
      id: 'probe-1',
      name: 'probe',
      state,
      owner: 'key_1',
      payload: {},
      progress: undefined,
      attemptsMade: 0,
      maxAttempts: 3,
      enqueuedAt: 0,
    },
    rows: rows.map((number) => ({ number, row: row(number) })),
    last: rows.at(-1) ?? 0,
    more,
  };
}

async function events(options: {
  readonly first: JobProgress;
  readonly looks?: readonly (JobProgress | MoltbotError | undefined)[];
  readonly position?: string;
  readonly elapsed?: () => number;
  readonly signal?: AbortSignal;
}): Promise<string[]> {
  const looks = [...(options.looks ?? [])];
  const found: string[] = [];
  const stream = followJob({
    first: options.first,
    position: readEventPosition(options.position),
    look: async () => {
      const next = looks.shift();
      if (next instanceof MoltbotError) throw next;
      return next;
    },
    signal: options.signal ?? new AbortController().signal,
    ...(options.elapsed && { elapsed: options.elapsed }),
  });
  for await (const text of stream) {
    for (const block of text.split('\n\n').filter(Boolean)) {
      found.push(block.replace(/\ndata: .*/s, '').replaceAll('\n', ' '));
    }
  }
  return found.slice(1);
}

describe('the events of a job', () => {
  it('are its reports in order, its state when that changes, and its end, which comes behind every report', async () => {
    expect(
      await events({
        first: progress('waiting'),
        looks: [
          progress('active', { rows: [1, 2] }),
          progress('active', { rows: [3] }),
          progress('completed', { rows: [4], more: true }),
          progress('completed', { rows: [5] }),
        ],
      }),
    ).toEqual([
      'id: 0 event: state',
      'id: 1 event: progress',
      'id: 2 event: progress',
      'id: 2 event: state',
      'id: 3 event: progress',
      'id: 4 event: progress',
      'id: 4 event: state',
      'id: 5 event: progress',
      'id: 5-end event: end',
    ]);
  });

  it('bear a queue that is away for a moment, and say so where it stays away or the job is gone', async () => {
    const away = new MoltbotError('queue_unavailable');
    const first = progress('active');
    expect(await events({ first, looks: [away, away, progress('completed')] })).toEqual([
      'id: 0 event: state',
      'id: 0-end event: end',
    ]);
    expect(await events({ first, looks: [away, away, away] })).toEqual(['id: 0 event: state', 'event: error']);
    expect(await events({ first, looks: [undefined] })).toEqual(['id: 0 event: state', 'event: error']);
  });

  it('are kept alive while nothing happens, and end with the server', async () => {
    let now = 0;
    const stop = new AbortController();
    const said = await events({
      first: progress('active'),
      looks: [progress('active'), progress('active'), progress('completed')],
      elapsed: () => (now += 20_000),
    });
    expect(said).toEqual(['id: 0 event: state', ': keep-alive', ': keep-alive', 'id: 0-end event: end']);
    stop.abort();
    expect(await events({ first: progress('active'), signal: stop.signal })).toEqual([]);
  });

  it('go on behind the last that was read; what is no id of ours begins at the beginning', () => {
    expect(readEventPosition('7')).toEqual({ row: 7, ended: false });
    expect(readEventPosition('7-end')).toEqual({ row: 7, ended: true });
    for (const other of [undefined, '', '-1', '1e9', '7-end-', '99999999999', ['1', '2']]) {
      expect(readEventPosition(other)).toEqual({ row: 0, ended: false });
    }
  });
});
