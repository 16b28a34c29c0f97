import { describe, expect, it, jest } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { createLogger, createMetrics } from '@moltbot/observability';
import type { JobAttempt } from '@moltbot/queue';
import { Writable } from 'node:stream';
import type { JobDeps, JobHandler } from './deps.js';
import { handlers } from './handlers/index.js';
import { createRunner } from './runner.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const attempt = (changes: Partial<JobAttempt> = {}): JobAttempt => ({
  id: 'warmup-1',
  name: 'warmup',
  queue: 'default',
  payload: {},
  attempt: 1,
  attempts: 3,
  enqueuedAt: 0,
  dueAt: 0,
  ...changes,
});

function runner(warmup: JobHandler<'warmup'>) {
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const logger = createLogger({ role: 'worker', level: 'debug', console: sink });
  const run = createRunner({
    handlers: { ...handlers, warmup, probe: async () => ({ steps: 1, durationMs: 0 }) },
    deps: { metrics: createMetrics({ role: 'worker', version: '1' }) } as unknown as JobDeps,
    logger,
    randomBytes: (size) => Buffer.alloc(size, 1),
  });
  const outer = new AbortController();
  return {
    run: async (job: JobAttempt) =>
      run(job, { signal: outer.signal, progress: async () => {}, followUp: async () => ({ id: '' }) }),
    outer,
    log: async () => {
      await logger.close();
      return lines.join('');
    },
  };
}

describe('the runner', () => {
  it('hands the parsed payload to the handler of the job and returns the parsed result', async () => {
    const handler = jest.fn<JobHandler<'warmup'>>(async () => ({ models: [], extra: 'dropped' }) as never);
    const { run } = runner(handler);
    expect(await run(attempt({ payload: {} }))).toEqual({ models: [], prompts: [] });
    expect(handler.mock.calls[0]?.[0]).toEqual({ models: [] });
  });

  it('refuses for good what is no job of this version and what its row does not allow', async () => {
    const handler = jest.fn<JobHandler<'warmup'>>();
    const { run } = runner(handler);
    for (const name of ['train', 'toString', '']) {
      await expect(run(attempt({ name }))).rejects.toMatchObject({ code: 'invalid_request', retryable: false });
    }
    await expect(run(attempt({ payload: { models: [7] } }))).rejects.toMatchObject({
      code: 'invalid_request',
      param: 'payload.models.0',
    });
    for (const payload of [null, undefined, 'text', { other: 1 }]) {
      await expect(run(attempt({ payload }))).rejects.toMatchObject({ code: 'invalid_request' });
    }
    expect(handler).not.toHaveBeenCalled();
  });

  it('carries the trace of whoever asked into every log line of the job, or begins one', async () => {
    const { run, log } = runner(async (_payload, _deps, { logger }) => {
      logger.info('at work');
      return { models: [], prompts: [] };
    });
    await run(attempt({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }));
    await run(attempt({ traceparent: 'garbage', id: 'warmup-2' }));
    const lines = (await log())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ message }) => message === 'at work');
    expect(lines).toMatchObject([
      { job: 'warmup', jobId: 'warmup-1', attempt: 1, traceId: TRACE },
      { jobId: 'warmup-2', traceId: '01'.repeat(16) },
    ]);
  });

  it('lets errors of ours through, and tells a stranger’s to the log alone', async () => {
    const ours = new MoltbotError('quota_exhausted');
    await expect(runner(async () => Promise.reject(ours)).run(attempt())).rejects.toBe(ours);

    const { run, log } = runner(async () => {
      throw new TypeError('canary of a stranger');
    });
    const error = await run(attempt()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'internal_error', retryable: true });
    expect((error as Error).message).not.toContain('canary');
    expect(await log()).toContain('canary of a stranger');
  });

  it('takes a result that does not fit its row for a fault', async () => {
    const { run } = runner(async () => ({ models: 'many' }) as never);
    await expect(run(attempt())).rejects.toMatchObject({ code: 'internal_error' });
  });

  it.each(['listens to the signal', 'hears nothing'])(
    'ends a job at its time limit: a handler that %s',
    async (manner) => {
      jest.useFakeTimers();
      try {
        const { run } = runner(
          async (_payload, _deps, { signal }) =>
            new Promise((_resolve, reject) => {
              if (manner === 'hears nothing') return;
              signal.addEventListener('abort', () => {
                reject(signal.reason as Error);
              });
            }),
        );
        const result = run(attempt()).catch((error: unknown) => error);
        await jest.advanceTimersByTimeAsync(601_500);
        expect(await result).toMatchObject({ code: 'deadline_exceeded', retryable: true });
        expect(jest.getTimerCount()).toBe(0);
      } finally {
        jest.useRealTimers();
      }
    },
  );

  it('passes on that the process stops', async () => {
    const { run, outer } = runner(
      async (_payload, _deps, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
    );
    const result = run(attempt());
    outer.abort(new MoltbotError('shutting_down'));
    await expect(result).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
